import { metrics, type Meter } from '@opentelemetry/api';

/**
 * Where instruments come from. Ask when an object is made, not when a module is loaded: before telemetry has started,
 * and where nobody measures, an instrument does nothing and costs next to nothing.
 */
export const meter = (): Meter => metrics.getMeter('@shop');

/**
 * Bounds of histograms of durations, in seconds: fine where people begin to notice, coarse beyond our longest deadline.
 */
export const durationBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
