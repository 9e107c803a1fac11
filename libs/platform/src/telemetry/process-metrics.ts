import {
  constants,
  monitorEventLoopDelay,
  performance,
  PerformanceObserver,
  type EventLoopUtilization,
  type PerformanceEntry,
} from 'node:perf_hooks';
import { meter } from './metrics.ts';

/** Milliseconds between two looks at the event loop. */
const RESOLUTION_MS = 20;
const kinds = new Map([
  [constants.NODE_PERFORMANCE_GC_MAJOR, 'major'],
  [constants.NODE_PERFORMANCE_GC_MINOR, 'minor'],
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL, 'incremental'],
  [constants.NODE_PERFORMANCE_GC_WEAKCB, 'weakcb'],
]);

type GarbageCollection = PerformanceEntry & { readonly detail: { readonly kind: number } };

/**
 * What can be said of any Node process: event loop, memory, garbage collection and processor time, under
 * OpenTelemetry's names.
 */
export function observeProcess(): void {
  observeEventLoop();
  observeMemory();
  observeGarbageCollection();
  const started = process.cpuUsage();
  meter()
    .createObservableCounter('process.cpu.time', {
      unit: 's',
      description: 'Processor time used, by the program and by the system for it',
    })
    .addCallback((result) => {
      const { user, system } = process.cpuUsage(started);
      result.observe(user / 1e6, { 'cpu.mode': 'user' });
      result.observe(system / 1e6, { 'cpu.mode': 'system' });
    });
}

/** Since the last reading: how late timers were, and how much of the time the loop was busy. */
function observeEventLoop(): void {
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delays.enable();
  const gauge = (name: string, description: string) => meter().createObservableGauge(name, { unit: 's', description });
  const p50 = gauge('nodejs.eventloop.delay.p50', 'Half of the timers were this late or less');
  const p99 = gauge('nodejs.eventloop.delay.p99', 'Of a hundred timers one was later');
  const max = gauge('nodejs.eventloop.delay.max', 'The latest timer');
  const busy = meter().createObservableGauge('nodejs.eventloop.utilization', {
    unit: '1',
    description: 'Share of the time in which the loop was busy',
  });
  let last: EventLoopUtilization = performance.eventLoopUtilization();
  meter().addBatchObservableCallback(
    (result) => {
      // What is measured includes the interval between two looks.
      const late = (nanoseconds: number) => Math.max(0, nanoseconds / 1e9 - RESOLUTION_MS / 1e3);
      if (delays.count > 0) {
        result.observe(p50, late(delays.percentile(50)));
        result.observe(p99, late(delays.percentile(99)));
        result.observe(max, late(delays.max));
      }
      delays.reset();
      const now = performance.eventLoopUtilization();
      result.observe(busy, performance.eventLoopUtilization(now, last).utilization);
      last = now;
    },
    [p50, p99, max, busy],
  );
}

function observeMemory(): void {
  const bytes = (name: string, description: string) => meter().createObservableGauge(name, { unit: 'By', description });
  const used = bytes('v8js.memory.heap.used', 'Heap in use');
  const size = bytes('v8js.memory.heap.size', 'Heap taken from the system');
  const external = bytes('nodejs.memory.external', 'Buffers and other memory outside the heap');
  const resident = bytes('process.memory.usage', 'Memory that is really there (RSS)');
  meter().addBatchObservableCallback(
    (result) => {
      const memory = process.memoryUsage();
      result.observe(used, memory.heapUsed);
      result.observe(size, memory.heapTotal);
      result.observe(external, memory.external);
      result.observe(resident, memory.rss);
    },
    [used, size, external, resident],
  );
}

function observeGarbageCollection(): void {
  const pauses = meter().createHistogram('v8js.gc.duration', {
    unit: 's',
    description: 'How long a garbage collection took',
    advice: { explicitBucketBoundaries: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5] },
  });
  const observer = new PerformanceObserver((list) => {
    for (const { duration, detail } of list.getEntries() as GarbageCollection[]) {
      pauses.record(duration / 1e3, { 'v8js.gc.type': kinds.get(detail.kind) ?? 'other' });
    }
  });
  observer.observe({ entryTypes: ['gc'] });
}
