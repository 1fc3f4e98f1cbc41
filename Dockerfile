# The whole workflow in one image, for machines with and without a GPU. docs/container.md says how it is built and run.
# The version is that of the tests; a digest in its place (python@sha256:...) would pin the base to the byte.
FROM python:3.11.13-slim-bookworm

# What `make` makes, from the same lock: exact versions, every file checked against its hash. First, and alone, because
# it changes least: a change of the workflow builds the layers below only.
WORKDIR /opt/growth-from-micrographs
COPY requirements.lock requirements.lock
COPY workflow/make-environment.sh workflow/make-environment.sh
RUN PIP_NO_CACHE_DIR=1 sh workflow/make-environment.sh /opt/environment requirements.lock

COPY . .
RUN /opt/environment/bin/python -m pip install --no-index --no-deps --no-build-isolation --editable . \
    && /opt/environment/bin/python -m compileall -q workflow/micrograph

# Any user may run it (docker run --user), one without a name or a home too: what libraries cache goes to a folder that
# all may write to. Nothing is written into the project, and no package of the user's home is mixed in.
ENV PATH="/opt/environment/bin:${PATH}" \
    HOME="/var/tmp" \
    USER="study" \
    LOGNAME="study" \
    PYTHONDONTWRITEBYTECODE="1" \
    PYTHONNOUSERSITE="1"
RUN useradd --uid 1000 --user-group --no-create-home --home-dir /var/tmp study \
    && install --directory --owner=study --group=study /study
USER 1000:1000

# The study's folder is mounted here: config.yaml, the sheet, the scans; results and logs appear in it.
WORKDIR /study
ENTRYPOINT ["snakemake", "--snakefile", "/opt/growth-from-micrographs/Snakefile"]
CMD ["--cores", "all", "--scheduler", "greedy", "--rerun-incomplete"]
