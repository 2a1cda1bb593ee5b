# ExaLB's image: Debian's own Python (3.11, the fastest for ExaBGP), pinned packages, our wheel. No compiler, no pip.
#
# The layers change in this order, seldom to often: system, packages, code. A change of code rebuilds the last alone.

# Debian's byte code goes by the times of its source files, which a reproducible build sets to another time: each process would
# compile the standard library again when it starts, which takes 3 to 10 MB that it never gives back, and the time. It is
# compiled without docstrings and assertions (-o 2), here and for the packages: nobody reads them, and they take a node 3 MB of
# memory. The files get the usual names, so that our own code, whose docstrings are the help of commands, keeps both.
FROM docker.io/library/debian:12-slim AS system
ENV LANG=C.UTF-8
RUN apt-get update \
 && apt-get install --yes --no-install-recommends python3 \
 && apt-get clean \
 && rm -rf /var/lib/apt/lists/* /var/cache/debconf/*-old /var/cache/ldconfig/aux-cache /var/log/apt /var/log/*.log \
      /usr/lib/python3.11/test /usr/lib/python3.11/pydoc_data /usr/lib/python3.11/unittest \
 && python3 -m compileall -q -f -j 0 -o 2 --invalidation-mode unchecked-hash /usr/lib/python3.11 \
 && find /usr/lib/python3.11 -name '*.opt-2.pyc' -exec sh -c 'for file; do mv "$file" "${file%.opt-2.pyc}.pyc" || exit 1; done' sh {} + \
 && echo 'exalb:x:65532:' >> /etc/group \
 && echo 'exalb:x:65532:65532::/nonexistent:/usr/sbin/nologin' >> /etc/passwd

FROM system AS tools
RUN apt-get update && apt-get install --yes --no-install-recommends python3-venv
COPY requirements/build.txt /src/requirements/
RUN python3 -m venv /tools \
 && /tools/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps --only-binary :all: --require-hashes \
      -r /src/requirements/build.txt \
 && /tools/bin/pip check

# Byte code is compiled here and never checked against its source again: the image is read-only where it runs. It is compiled
# again where pip left some (-f), which has the time of the build in it and would differ from build to build.
# The kubernetes client reads kubeconfig files, which a pod has none of; left out with the packages that it alone needs, it
# saves 132 MB here, and in memory the 19 MB that kopf spends on it when it finds it. Of rich only tables are used: without
# the packages for Markdown and source code it is 9 MB less, and 3 MB of memory, because structlog imports what it finds.
FROM tools AS packages
COPY requirements/runtime.txt /src/requirements/
RUN python3 -m venv --without-pip /opt/exalb \
 && /tools/bin/pip --python /opt/exalb/bin/python install --no-cache-dir --disable-pip-version-check --no-compile \
      --no-deps --only-binary :all: --require-hashes -r /src/requirements/runtime.txt \
 && /tools/bin/pip --python /opt/exalb/bin/python check \
 && /tools/bin/pip --python /opt/exalb/bin/python uninstall --yes kubernetes aiohttp-retry certifi charset-normalizer \
      durationpy oauthlib python-dateutil requests requests-oauthlib tzdata urllib3 websocket-client \
      markdown-it-py mdurl pygments \
 && /opt/exalb/bin/python -m compileall -q -f -j 0 -o 2 --invalidation-mode unchecked-hash /opt/exalb/lib \
 && find /opt/exalb/lib -name '*.opt-2.pyc' -exec sh -c 'for file; do mv "$file" "${file%.opt-2.pyc}.pyc" || exit 1; done' sh {} +

FROM tools AS wheel
RUN python3 -m venv --without-pip /opt/exalb
COPY LICENSE README.md pyproject.toml /src/
COPY operator /src/operator
COPY bgp /src/bgp
RUN cd /src && /tools/bin/hatchling build --target wheel --directory /wheel \
 && /tools/bin/pip --python /opt/exalb/bin/python install --disable-pip-version-check --no-index --no-deps --no-compile \
      --root /code /wheel/*.whl \
 && python3 -m compileall -q -s /code --invalidation-mode unchecked-hash /code/opt/exalb/lib

FROM scratch AS code
COPY --from=wheel /code /

FROM system AS runtime
LABEL org.opencontainers.image.title="ExaLB" \
      org.opencontainers.image.description="A bare-metal load-balancer operator for Kubernetes: addresses for Services, announced by BGP" \
      org.opencontainers.image.licenses="Apache-2.0"
ENV PATH=/opt/exalb/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
COPY --from=packages /opt/exalb /opt/exalb
USER 65532:65532
WORKDIR /
ENTRYPOINT ["exalb"]

FROM runtime AS exalb
COPY --from=code / /
