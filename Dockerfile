# PGGAN Lab on a CPU: docker build -t pggan-lab . && docker run --rm --read-only --tmpfs /tmp -p 8501:8501 pggan-lab
FROM python:3.12-slim AS build

# where torch without CUDA comes from; a mirror of it where there is one
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
WORKDIR /src
RUN apt-get update && apt-get install -y --no-install-recommends binutils
COPY requirements.txt .
RUN python -m venv /opt/lab \
    && /opt/lab/bin/pip install --no-cache-dir --no-compile --index-url "$TORCH_INDEX" "$(grep '^torch==' requirements.txt)" \
    && /opt/lab/bin/pip install --no-cache-dir --no-compile -r requirements.txt
COPY . .
# what the app never opens goes, and of 320 MB of bytecode only that of modules it imports is made
RUN /opt/lab/bin/pip install --no-cache-dir --no-compile --no-deps . \
    && /opt/lab/bin/pip uninstall -y pip \
    && cd /opt/lab/lib/python3*/site-packages \
    && find . -name tests -type d -prune -exec rm -rf {} + \
    && rm -rf torch/include torch/test torch/bin/test_* torch/bin/protoc* \
        pyarrow/include pyarrow/*flight* \
    && strip --strip-unneeded torch/lib/libtorch_cpu.so \
    && cd / && /opt/lab/bin/python -c "import pandas; from dashboard import frame, startup; startup.import_heavy(); startup.import_pages()"

FROM python:3.12-slim
# Chinese in figures that the server draws
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends fonts-wqy-microhei && rm -rf /var/lib/apt/lists/*
COPY --from=build /opt/lab /opt/lab
# Chinese in figures that are saved
RUN apt-get update && apt-get install -y --no-install-recommends fonts-wqy-microhei && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 1000 --create-home lab
USER lab
# nothing is written but below /tmp: uploads, and what libraries want to keep
# a public server's visitors may not write notes for all (docs/DEPLOYMENT.md)
ENV PGGAN_LAB_NOTES=off HOME=/tmp MPLCONFIGDIR=/tmp/matplotlib PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
WORKDIR /tmp
EXPOSE 8501
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD \
    ["/opt/lab/bin/python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8501/_stcore/health', timeout=4)"]
CMD ["/opt/lab/bin/pggan-lab", "--server.address=0.0.0.0", "--server.port=8501"]
