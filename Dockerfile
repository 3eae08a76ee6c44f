# Every dependency has wheels for this Python, so nothing is compiled.
FROM python:3.14-slim AS build
# With HEIC uploads; --build-arg REQUIREMENTS=requirements.lock leaves them out, and the GPL's x265 with them.
ARG REQUIREMENTS=requirements-heic.lock
COPY $REQUIREMENTS /build/requirements.lock
RUN ["python", "-m", "venv", "/venv"]
RUN ["/venv/bin/pip", "install", "--no-cache-dir", "--disable-pip-version-check", "--only-binary=:all:", \
     "--require-hashes", "-r", "/build/requirements.lock"]
COPY app /srv/app
RUN ["/venv/bin/python", "-m", "compileall", "-q", "/srv/app"]

FROM python:3.14-slim
COPY --from=build /venv /venv
COPY --from=build /srv /srv
COPY LICENSE /srv/
WORKDIR /srv

# RAILWAY_VOLUME_MOUNT_PATH is where the images go; Railway puts its own path over this one.
# DROP_TO_UID: the program begins as root, for volumes arrive owned by root, takes over the top of that folder and
# goes on as this user.  A USER line would leave it unable to write.
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    RAILWAY_VOLUME_MOUNT_PATH=/data \
    DROP_TO_UID=10001
EXPOSE 8080

# http.client, because urllib would ask a proxy that the environment names.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import http.client as h, os, sys; c = h.HTTPConnection('127.0.0.1', int(os.environ.get('PORT') or 8080), timeout=3); c.request('GET', '/livez'); sys.exit(c.getresponse().status != 200)"]

ENTRYPOINT ["python", "-m", "app"]
CMD ["serve"]
