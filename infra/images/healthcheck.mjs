// Healthy is who is ready, which is what others in compose.yaml wait for.
const { PORT, HEALTH_PATH = '/health/ready' } = process.env;
const answer = await fetch(`http://127.0.0.1:${PORT}${HEALTH_PATH}`, { signal: AbortSignal.timeout(2_500) }).catch(
  () => undefined,
);
process.exit(answer?.ok ? 0 : 1);
