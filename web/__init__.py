"""The player for browsers, and pages that hold it: JavaScript in `src`, an npm package as it is."""
