export * from './currencies.ts';
export * from './decider.ts';
export * from './domain-error.ts';
export * from './money.ts';
export * from './spec.ts';
export * from './upcast.ts';
