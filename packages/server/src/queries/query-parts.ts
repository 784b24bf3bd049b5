import type { ActiveQueries } from "./active-queries.ts";
import type { AnswerCache } from "./answer-cache.ts";
import type { InProcessCache } from "./in-process-cache.ts";
import type { QueryLogging } from "./query-log.ts";
import type { QueryScheduler } from "./query-scheduler.ts";
import type { QueryService } from "./query-service.ts";
import type { TopQueries } from "./top-queries.ts";

/** All that stands between the API and the threads that evaluate. */
export interface QueryParts {
  readonly service: QueryService;
  readonly scheduler: QueryScheduler;
  readonly active: ActiveQueries;
  readonly top: TopQueries;
  readonly logging: QueryLogging;
  /** Undefined where nothing is kept. */
  readonly answers: { readonly cache: AnswerCache; readonly kept: InProcessCache } | undefined;
}
