# Stage 1: compile, then keep only the dependencies that production needs.
FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY tsconfig.json ./
COPY src ./src
RUN npm run build
RUN npm prune --omit=dev --no-audit --no-fund

# Stage 2: the compiled server, its pages and its dependencies, run by a user without rights.
FROM node:24-bookworm-slim
ENV NODE_ENV=production
ENV CERTMATE_HOST=0.0.0.0
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY views ./views
COPY public ./public
RUN mkdir -m 0700 data logs && chown node:node data logs
USER node
EXPOSE 8000
VOLUME ["/app/data", "/app/logs"]
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD ["node", "-e", "const { CERTMATE_TLS: tls = 'off', CERTMATE_PORT: port = 8000 } = process.env; require(tls === 'off' ? 'node:http' : 'node:https').get({ host: '127.0.0.1', port, path: '/health', rejectUnauthorized: false }, (answer) => process.exit(answer.statusCode === 200 ? 0 : 1)).on('error', () => process.exit(1))"]
CMD ["node", "dist/main.js"]
