// Asking any of the contenders through Prometheus's query API.
import type { ServerProcess } from "./server-process.ts";

interface Answer {
  readonly data?: {
    readonly result?: readonly {
      readonly metric: Readonly<Record<string, string>>;
      readonly value?: readonly [number, string];
      readonly values?: readonly (readonly [number, string])[];
    }[];
  };
}

/** One series of a range selector's answer, its values as text. */
export interface ReadSeries {
  readonly metric: Readonly<Record<string, string>>;
  readonly values: readonly (readonly [timestampSeconds: number, text: string])[];
}

/** The number that an instant query comes to; 0 where its answer is empty. */
export async function queryNumber(
  server: ServerProcess,
  query: string,
  timeMs: number,
): Promise<number> {
  const { data } = await ask(server, query, timeMs);
  return Number(data?.result?.[0]?.value?.[1] ?? 0);
}

/** All samples of a range selector such as `up[1h]`. */
export async function queryRaw(
  server: ServerProcess,
  query: string,
  timeMs: number,
): Promise<readonly ReadSeries[]> {
  const { data } = await ask(server, query, timeMs);
  return (data?.result ?? []).map(({ metric, values }) => ({ metric, values: values ?? [] }));
}

async function ask(server: ServerProcess, query: string, timeMs: number): Promise<Answer> {
  const form = new URLSearchParams({ query, time: (timeMs / 1000).toFixed(3) });
  return JSON.parse(await server.ask("/api/v1/query", { method: "POST", body: form })) as Answer;
}

/** How many samples and series of the workload W1 a server has, in the `spanMs` before `timeMs`. */
export async function countBack(
  server: ServerProcess,
  metrics: readonly string[],
  timeMs: number,
  spanMs: number,
): Promise<{ readonly samples: number; readonly series: number }> {
  let [samples, series] = [0, 0];
  // Metric by metric: `count_over_time` drops the name.
  for (const metric of metrics) {
    const counts = `count_over_time(${metric}{job="w1"}[${Math.ceil(spanMs / 1000)}s])`;
    samples += await queryNumber(server, `sum(${counts})`, timeMs);
    series += await queryNumber(server, `count(${counts})`, timeMs);
  }
  return { samples, series };
}
