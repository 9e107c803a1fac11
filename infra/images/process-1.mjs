import { setSourceMapsSupport } from 'node:module';

// Traces of our own files say where in the source.
setSourceMapsSupport(true);

// The first process of a container has no default for signals: until a service has its own handler, a second or two,
// nothing would end it but SIGKILL.
for (const [signal, code] of [
  ['SIGTERM', 143],
  ['SIGINT', 130],
]) {
  process.once(signal, () => {
    if (process.listenerCount(signal) === 0) process.exit(code);
  });
}
