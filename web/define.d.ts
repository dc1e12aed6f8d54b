import type { SprVideoElement } from "./index.js";

declare global {
  interface HTMLElementTagNameMap {
    "spr-video": SprVideoElement;
  }
}
