# Any image with python3 (3.11 or newer) and its venv module will do; both stages start from it.
ARG BASE_IMAGE=python:3.12-slim

FROM ${BASE_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PYTHONDONTWRITEBYTECODE=1
RUN python3 -m venv /opt/betrontech-sim
WORKDIR /src
# The locks first: a change of the source installs no dependency anew. A private index or certificate authority
# comes as a build secret, so that neither leaves a trace in a layer.
COPY requirements.lock requirements-load.lock requirements-build.lock ./
# --build-arg LOCK=requirements-load.lock brings Locust, too, which the command load needs.
ARG LOCK=requirements.lock
RUN --mount=type=secret,id=pip_conf,target=/etc/pip.conf \
    --mount=type=secret,id=ca_bundle,target=/run/secrets/ca.pem \
    if [ -s /run/secrets/ca.pem ]; then export PIP_CERT=/run/secrets/ca.pem; fi; \
    /opt/betrontech-sim/bin/pip install --no-compile --require-hashes -r "$LOCK" -r requirements-build.lock
COPY pyproject.toml setup.py README.md LICENSE ./
COPY simulator simulator
COPY betrontech_simulator betrontech_simulator
COPY scenarios scenarios
# What the running container never imports is left out: pip and setuptools, what rich needs for Markdown and
# highlighted source, Faker's words of other languages and kinds, and the dependencies' sources, which are there
# compiled (-b: in the sources' places). The simulator's own can be read. All is compiled here because the root file
# system is read-only there.
RUN /opt/betrontech-sim/bin/pip install --no-compile --no-build-isolation --no-deps --no-index . \
    && /opt/betrontech-sim/bin/pip uninstall --yes pygments markdown-it-py mdurl setuptools pip \
    && cd /opt/betrontech-sim/lib/python3*/site-packages \
    && find faker/providers -mindepth 1 -maxdepth 1 -type d ! -name person ! -name address \
       ! -name date_time -exec rm -rf {} + \
    && find faker/providers -mindepth 2 -maxdepth 2 -type d ! -name en ! -name en_US -exec rm -rf {} + \
    && python3 -m compileall -q -j 0 simulator betrontech_simulator \
    && python3 -m compileall -q -b -j 0 -x '^\./(betrontech_)?simulator/' . \
    && find . \( -path ./simulator -o -path ./betrontech_simulator \) -prune \
       -o -type f \( -name '*.py' -o -name '*.pyi' \) -exec rm {} + \
    && /opt/betrontech-sim/bin/python3 -c 'from simulator.serve.catalogue import make_catalogue; make_catalogue(1, 300)'

FROM ${BASE_IMAGE}
ARG VERSION=0.2.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="BetronTech simulator" \
      org.opencontainers.image.description="Offline simulator of the BetronTech casino-game API; independent of BetronTech" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /opt/betrontech-sim /opt/betrontech-sim
# HOME: any uid may run the image, and most have no home directory.
ENV PATH=/opt/betrontech-sim/bin:$PATH HOME=/tmp PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
# Within a container only every address can be reached from outside.
ENV BETRONTECH_SIM_HOST=0.0.0.0 BETRONTECH_SIM_OPERATOR_HOST=0.0.0.0
WORKDIR /tmp
USER 10001:10001
EXPOSE 8080
# Every second, so that a job goes on as soon as the server is ready. With Docker 25 and later, start containers with
# --health-interval=30s --health-start-interval=500ms: it then looks often only while they start. Here that option
# would make older builders refuse this file.
HEALTHCHECK --interval=1s --timeout=3s --start-period=20s --retries=5 \
    CMD ["betrontech-sim", "healthcheck"]
ENTRYPOINT ["betrontech-sim"]
CMD ["serve"]
