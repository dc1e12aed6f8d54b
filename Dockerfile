# Runs as a plain user, from a file system that need not be writable:
#
#   docker build -t spritecodec .
#   docker run --rm --read-only --tmpfs /tmp -v "$PWD:/work" --user "$(id -u):$(id -g)" \
#       spritecodec encode game.mp4 game.spr
#
# "--build-arg EXTRA=train" adds torch, for the presets that train.
FROM python:3.13-slim

ARG EXTRA=encode
COPY . /src
RUN pip install --no-cache-dir -c /src/constraints.txt "/src[${EXTRA}]" && rm -rf /src

# Compiled code, once: from here it is copied to /tmp, which is what can be written at run time.
RUN NUMBA_CACHE_DIR=/opt/compiled spritecodec demo /tmp/demo && rm -rf /tmp/demo \
    && chmod -R a+rX /opt/compiled
COPY docker-entrypoint.sh /usr/local/bin/

ENV NUMBA_CACHE_DIR=/tmp/compiled PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 65534:65534
WORKDIR /work
ENTRYPOINT ["docker-entrypoint.sh"]
CMD ["--help"]
