// Sends spans to a running llmtally as a traced program does, once in each of
// OTLP/HTTP's encodings, and prints what the exporter makes of each answer:
//   LLMTALLY_URL=http://127.0.0.1:8787 LLMTALLY_KEY=… node send.js
import { diag, DiagLogLevel, SpanKind, SpanStatusCode, context, trace } from "@opentelemetry/api";
import { OTLPTraceExporter as JSONExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { OTLPTraceExporter as ProtobufExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BasicTracerProvider, BatchSpanProcessor } from "@opentelemetry/sdk-trace-base";

const print = (what) => (message, ...more) => console.log([what, message, ...more].join(" "));
diag.setLogger({ verbose() {}, debug() {}, info() {}, warn: print("warning:"), error: print("error:") }, DiagLogLevel.WARN);

for (const [name, Exporter, compression] of [
  ["json", JSONExporter, "none"],
  ["protobuf", ProtobufExporter, "gzip"],
]) {
  await send(name, new Exporter({
    url: `${process.env.LLMTALLY_URL}/v1/traces`,
    headers: { apikey: process.env.LLMTALLY_KEY },
    compression,
  }));
}

async function send(name, exporter) {
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({ "service.name": "shop" }),
    spanProcessors: [new BatchSpanProcessor(told(name, exporter))],
  });
  const tracer = provider.getTracer("suite");
  const start = Date.UTC(2026, 0, 1);

  const agent = tracer.startSpan("invoke_agent shop", { startTime: start, attributes: { "gen_ai.operation.name": "invoke_agent" } });
  const within = trace.setSpan(context.active(), agent);
  const chat = tracer.startSpan("chat gpt-4o", {
    kind: SpanKind.CLIENT,
    startTime: start,
    attributes: {
      "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o",
      "gen_ai.response.id": `${name}-1`, "gen_ai.usage.input_tokens": 1000, "gen_ai.usage.output_tokens": 200,
      "gen_ai.usage.cache_read.input_tokens": 400, "gen_ai.response.finish_reasons": ["stop"], "user.id": `${name}-ann`,
      "gen_ai.input.messages": JSON.stringify([{ role: "user", parts: [{ type: "text", content: "Why <so> blue?" }] }]),
    },
  }, within);
  chat.end(start + 1500);

  const failed = tracer.startSpan("chat gpt-4o", {
    startTime: start, attributes: { "gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o", "user.id": `${name}-ann` },
  }, within);
  failed.recordException(new RangeError("too many requests"));
  failed.setStatus({ code: SpanStatusCode.ERROR, message: "429" });
  failed.end(start + 250);

  const wrong = tracer.startSpan("chat gpt-4o", { attributes: { "gen_ai.operation.name": "chat", "gen_ai.usage.cost": -1 } }, within);
  wrong.end();
  agent.end();
  await provider.shutdown().catch(() => {}); // told has printed what went wrong
}

// told prints what the exporter says of each export.
function told(name, exporter) {
  return {
    export: (spans, done) => exporter.export(spans, (result) => {
      console.log(`${name}: ${spans.length} spans, ${result.code === 0 ? "sent" : `failed: ${result.error?.message} ${result.error?.code}`}`);
      done(result);
    }),
    forceFlush: () => exporter.forceFlush(),
    shutdown: () => exporter.shutdown(),
  };
}
