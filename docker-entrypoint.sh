#!/bin/sh
# Compiled code is read only from a folder that can be written, so each run gets a copy.
if [ -n "${NUMBA_CACHE_DIR:-}" ] && [ ! -e "$NUMBA_CACHE_DIR" ]; then
    cp -r "${COMPILED:-/opt/compiled}" "$NUMBA_CACHE_DIR" 2>/dev/null
fi
exec spritecodec "$@"
