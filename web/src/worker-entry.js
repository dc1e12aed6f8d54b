/** The script of the worker. */

import { serve } from "./worker.js";

serve(self);
