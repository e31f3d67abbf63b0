# CPU image of objloc. Untried: no container engine was at hand when it was written.
#
#     docker build --tag objloc .
#     docker run --name pipeline objloc            # make run
#     docker run --rm objloc objloc --help
FROM python:3.11-slim

# git and make: the pipeline needs them. libgomp1: PyTorch's threads.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git libgomp1 make \
    && rm -rf /var/lib/apt/lists/*

RUN useradd --create-home objloc \
    && install --directory --owner objloc --group objloc /home/objloc/objloc
USER objloc
WORKDIR /home/objloc/objloc

# On many indexes the usual build of PyTorch brings CUDA along, several gigabytes: name one that
# has the CPU build with --build-arg PIP_EXTRA_INDEX_URL=ADDRESS.
ARG PIP_EXTRA_INDEX_URL
ENV PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1

# The packages change seldom, so their layer comes before the code's.
COPY --chown=objloc:objloc Makefile pyproject.toml requirements*.lock ./
COPY --chown=objloc:objloc stages/_alone.py stages/
RUN make packages

COPY --chown=objloc:objloc . .
RUN make .venv/.ready \
    && git config --global user.name objloc \
    && git config --global user.email objloc@localhost

ENV PATH=/home/objloc/objloc/.venv/bin:$PATH
CMD ["make", "run"]
