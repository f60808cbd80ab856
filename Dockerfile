# Two images from one file: `ingest` (no database driver) and `workers` (the rest).
#
#     docker build --target ingest --tag hookline-ingest .
#     docker build --target workers --tag hookline-workers .
#
# Every package comes from the hash-locked requirements, so a build takes nothing unpinned.

FROM python:3.13-slim AS build
ENV PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_ROOT_USER_ACTION=ignore \
    PYTHONDONTWRITEBYTECODE=1
WORKDIR /src
# Without pip: what runs in production cannot install anything.
RUN python -m venv --without-pip /opt/hookline


FROM build AS build-ingest
COPY requirements/ingest.txt requirements/
RUN pip --python /opt/hookline/bin/python install --require-hashes -r requirements/ingest.txt
COPY . .
RUN pip --python /opt/hookline/bin/python install --no-deps --no-build-isolation . \
 && pip --python /opt/hookline/bin/python uninstall --yes \
        hatchling pathspec pluggy tomlkit trove-classifiers
# The point of this image, kept true by its build: ingest starts, and there is no database driver.
RUN /opt/hookline/bin/python -c "import importlib.util as u, sys; \
sys.exit([n for n in ('sqlalchemy', 'asyncpg', 'alembic') if u.find_spec(n)] or 0)" \
 && /opt/hookline/bin/python -B -c "import ingest.__main__" \
 && /opt/hookline/bin/hookline topics apply --help > /dev/null


FROM build AS build-workers
COPY requirements/workers.txt requirements/
RUN pip --python /opt/hookline/bin/python install --require-hashes -r requirements/workers.txt
COPY . .
RUN pip --python /opt/hookline/bin/python install --no-deps --no-build-isolation . \
 && pip --python /opt/hookline/bin/python uninstall --yes \
        hatchling pathspec pluggy tomlkit trove-classifiers


FROM python:3.13-slim AS run
# A number, so that Kubernetes' runAsNonRoot can see that it is not root.
RUN useradd --system --uid 10001 --user-group --no-create-home --home-dir /nonexistent \
        --shell /usr/sbin/nologin hookline
ENV PATH=/opt/hookline/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOOKLINE_INGEST_HOST=0.0.0.0 \
    HOOKLINE_INGEST_PORT=8080 \
    HOOKLINE_METRICS_HOST=0.0.0.0 \
    HOOKLINE_METRICS_PORT=9464
WORKDIR /
USER 10001:10001
ENTRYPOINT ["hookline"]


# `hookline worker NAME`, and the one-shot verbs `migrate` and `topics apply`.
FROM run AS workers
COPY --from=build-workers /opt/hookline /opt/hookline
EXPOSE 9464
HEALTHCHECK --interval=15s --timeout=5s --retries=3 --start-period=60s --start-interval=1s \
    CMD ["python", "-I", "-c", "import http.client, os; c = http.client.HTTPConnection('127.0.0.1', int(os.environ['HOOKLINE_METRICS_PORT']), timeout=4); c.request('GET', '/readyz'); raise SystemExit(c.getresponse().status != 200)"]


# `hookline ingest`, and `hookline topics apply`.
FROM run AS ingest
COPY --from=build-ingest /opt/hookline /opt/hookline
EXPOSE 8080
HEALTHCHECK --interval=15s --timeout=5s --retries=3 --start-period=60s --start-interval=1s \
    CMD ["python", "-I", "-c", "import http.client, os; c = http.client.HTTPConnection('127.0.0.1', int(os.environ['HOOKLINE_INGEST_PORT']), timeout=4); c.request('GET', '/readyz'); raise SystemExit(c.getresponse().status != 200)"]
CMD ["ingest"]
