# docker build -t polyclinic .
# docker run -d -p 127.0.0.1:8090:8090 -v polyclinic:/pb_data polyclinic
# A proxy with TLS goes before it: what the container serves is plain HTTP.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X github.com/polyclinic-os/polyclinic/kernel/boot.Version=${VERSION}" -o /polyclinic .
RUN /polyclinic version --sbom >/polyclinic.cdx.json
RUN mkdir -p /pb_data

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
# Both are empty: the image has no shell to make folders with.
COPY --from=build --chown=65532:65532 /pb_data /pb_data
COPY --from=build --chown=65532:65532 /pb_data /tmp
COPY --from=build /polyclinic /polyclinic
# What is in it: docker run --rm polyclinic version --sbom
COPY --from=build /polyclinic.cdx.json /polyclinic.cdx.json
# No name: the image has no list of users.
USER 65532:65532
VOLUME /pb_data
EXPOSE 8090
HEALTHCHECK --interval=30s --timeout=6s --start-period=60s CMD ["/polyclinic", "health", "--http", "127.0.0.1:8090"]
ENTRYPOINT ["/polyclinic"]
CMD ["serve", "--http", "0.0.0.0:8090", "--behind-proxy", "--dir", "/pb_data"]
