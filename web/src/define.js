/** Import this for its effect: it defines `<spr-video>`. */

import { defineSprVideo } from "./element.js";

defineSprVideo();
