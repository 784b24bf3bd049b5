import { type QueryData, queryDataSchema } from "@pharos/api";
import { errorText, OperatingError } from "@pharos/base";
import { z } from "zod";

/** What a server of Prometheus's API answers to a query. */
export interface QueryAnswer {
  readonly data: QueryData;
  readonly warnings: readonly string[];
  readonly infos: readonly string[];
}

const notes = {
  warnings: z.array(z.string()).default([]),
  infos: z.array(z.string()).default([]),
};
const answerSchema = z.discriminatedUnion("status", [
  z.object({ status: z.literal("success"), data: z.unknown(), ...notes }),
  z.object({ status: z.literal("error"), errorType: z.string(), error: z.string() }),
]);

const explainedSchema = z.object({ text: z.string() });
const costSchema = z.object({
  seriesTouched: z.number(),
  samplesRead: z.number(),
  bytes: z.number(),
});
const estimatedSchema = z.object({
  estimate: costSchema,
  selectors: z.array(costSchema.extend({ selector: z.string() })),
});

export type EstimatedCost = z.output<typeof estimatedSchema>;

/** Asks a server. Each call throws OperatingError: the server's own, or `http.failed` where it is not reached. */
export class QueryClient {
  readonly #base: string;

  /** @throws OperatingError `input.invalid` for what is no URL of a server. */
  constructor(url: string) {
    const parsed = URL.parse(url);
    if (parsed === null || !/^https?:$/.test(parsed.protocol))
      throw new OperatingError("input.invalid", `${url}: want the URL of a server`);
    this.#base = parsed.href.replace(/\/+$/, "");
  }

  async query(path: "query" | "query_range", form: Record<string, string>): Promise<QueryAnswer> {
    const { data, warnings, infos } = await this.#post(path, form);
    return { data: this.#read(queryDataSchema, data, path), warnings, infos };
  }

  /** The plan of a query, as text for people. */
  async explain(form: Record<string, string>): Promise<string> {
    const { data } = await this.#post("query_explain", form);
    return this.#read(explainedSchema, data, "query_explain").text;
  }

  async cost(
    path: "query_cost" | "query_range_cost",
    form: Record<string, string>,
  ): Promise<EstimatedCost & { readonly warnings: readonly string[] }> {
    const { data, warnings } = await this.#post(path, form);
    return { ...this.#read(estimatedSchema, data, path), warnings };
  }

  async #post(path: string, form: Record<string, string>) {
    const url = `${this.#base}/api/v1/${path}`;
    const response = await fetch(url, { method: "POST", body: new URLSearchParams(form) }).catch(
      (error: unknown) => {
        throw new OperatingError(
          "http.failed",
          `${this.#base} does not answer: ${errorText(error)}`,
        );
      },
    );
    const text = await response.text();
    const answer = answerSchema.safeParse(parsedJson(text));
    if (!answer.success)
      throw new OperatingError(
        "http.failed",
        `${url} answers with status ${response.status} and no JSON of Prometheus's API`,
      );
    if (answer.data.status === "error") throw new OperatingError("query.failed", answer.data.error);
    return answer.data;
  }

  #read<T extends z.ZodType>(schema: T, data: unknown, path: string): z.output<T> {
    const read = schema.safeParse(data);
    if (read.success) return read.data;
    throw new OperatingError(
      "http.failed",
      `the answer of ${this.#base} to ${path} is not as expected`,
    );
  }
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
