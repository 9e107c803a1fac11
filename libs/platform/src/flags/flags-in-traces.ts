import { trace } from '@opentelemetry/api';
import { createEvaluationEvent, TelemetryAttribute, type Hook } from '@openfeature/server-sdk';

/**
 * Tells the span at hand what was evaluated and to what, by OpenTelemetry's semantic conventions, where that span is
 * recorded. For whom is left out: traces name no customers.
 */
export const flagsInTraces: Hook = {
  finally(asked, answer) {
    const span = trace.getActiveSpan();
    if (span?.isRecording() !== true) return;
    const { name, attributes } = createEvaluationEvent(asked, answer);
    const { [TelemetryAttribute.CONTEXT_ID]: _, ...told } = attributes;
    span.addEvent(name, told as Record<string, string | boolean>);
  },
};
