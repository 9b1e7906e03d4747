# The service without a database: point it to a PostgreSQL with DATABASE_URL or DB_* (compose.yaml brings one along).
# There is nothing to compile, Node runs the TypeScript; so the first stage only installs the packages.

FROM node:24-slim AS packages
WORKDIR /app
# npm ci runs patch-package, which needs patches/.
COPY package.json package-lock.json .npmrc ./
COPY patches patches
# Optional is the embedded PostgreSQL: not in a container.
RUN npm ci --omit=dev --omit=optional --no-audit --no-fund

FROM node:24-slim
ENV NODE_ENV=production \
    HOST=0.0.0.0 \
    PORT=8080 \
    DATA_DIR=/data
WORKDIR /app
COPY --from=packages /app/node_modules node_modules
COPY package.json LICENSE ./
COPY console console
COPY db db
COPY plugins plugins
COPY src src
COPY workers workers
COPY testdata/seed_* testdata/*.ts testdata/
# A new volume mounted here takes over this owner. Uploads and finished exports are kept in it.
RUN install -d -o node -g node /data
VOLUME /data
USER node
EXPOSE 8080
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/health`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# In the exec form node is process 1 and gets the SIGTERM of a stop itself.
CMD ["node", "--max-semi-space-size=1", "--heap-growing-percent=40", "src/server.ts"]
