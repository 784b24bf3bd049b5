import { silenceState } from "@pharos/alert";
import {
  ALERTMANAGER_PATHS,
  ALERTMANAGER_VERSION,
  postableAlertsSchema,
  postableSilenceSchema,
} from "@pharos/api";
import { type Clock, OperatingError } from "@pharos/base";
import type { Dispatcher, PostedAlert, SilenceBook } from "@pharos/notify";
import type { Context, Hono, MiddlewareHandler } from "hono";
import type { AlertmanagerCounts } from "../alerting/alertmanager-metrics.ts";
import { problem, problemOf, readBody, refusal, wrongFormat } from "./alertmanager-body.ts";
import {
  alertFilter,
  booleanOf,
  hasMatchers,
  matchersOf,
  receiversWith,
} from "./alertmanager-filters.ts";
import {
  type AlertTimes,
  alertJson,
  groupJson,
  silenceJson,
  sortSilences,
} from "./alertmanager-json.ts";
import { postedAlert, silenceDraft, silenceProblem } from "./alertmanager-posted.ts";
import { type Answer, encoded, formatTime, jsonAnswer, responseOf, streamed } from "./answer.ts";
import type { BuildInfo, RuntimeInfo } from "./dependencies.ts";
import { saysFromAnotherSite } from "./same-site.ts";

/** What Alertmanager's API asks of the rest of the program. */
export interface AlertmanagerProvider {
  readonly dispatcher: Pick<Dispatcher, "alerts" | "groups" | "post" | "config">;
  readonly silences: Pick<SilenceBook, "list" | "find" | "set" | "expire">;
  readonly counts: Pick<AlertmanagerCounts, "posted">;
  /** The configuration as it may be shown, secrets masked. */
  configText(): string;
  /** Undefined where this server is alone. */
  cluster(): AlertmanagerCluster | undefined;
}

/** As `amtool cluster show` shows it; this server is among the peers. */
export interface AlertmanagerCluster {
  readonly name: string;
  readonly peers: readonly { readonly name: string; readonly address: string }[];
  /** "settling": it does not know yet what the others know. */
  readonly status: "ready" | "settling";
}

interface Dependencies {
  readonly clock: Clock;
  readonly alertmanager: AlertmanagerProvider;
  readonly status: {
    readonly build: BuildInfo;
    runtime(): RuntimeInfo | Promise<RuntimeInfo>;
  };
  onBug(error: unknown): void;
}

type Method = "GET" | "POST" | "DELETE";
type Route = (request: Request, context: Context) => Answer | Promise<Answer>;

const NOTHING: Answer = { status: 200, headers: { "Content-Length": "0" }, body: null };
const UUID = /^[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}$/i;

/** Alertmanager's API, version 2, for its clients: `amtool`, Karma, Grafana, and whoever sends it alerts. */
export function addAlertmanagerRoutes(
  app: Hono,
  dependencies: Dependencies,
  cors: MiddlewareHandler,
): void {
  const routes = new AlertmanagerRoutes(dependencies);
  const all: Readonly<Record<string, Partial<Record<Method, Route>>>> = {
    "/status": { GET: () => routes.status() },
    "/receivers": { GET: (request) => routes.receivers(request) },
    "/silences": {
      GET: (request) => routes.silences(request),
      POST: (request) => routes.postSilence(request),
    },
    "/silence/:id": {
      GET: (_request, context) => routes.silence(context.req.param("id") ?? ""),
      DELETE: (_request, context) => routes.expireSilence(context.req.param("id") ?? ""),
    },
    "/alerts": {
      GET: (request) => routes.alerts(request),
      POST: (request) => routes.postAlerts(request),
    },
    "/alerts/groups": { GET: (request) => routes.alertGroups(request) },
  };
  for (const base of ALERTMANAGER_PATHS) {
    // Everything below /api has it already.
    if (!base.startsWith("/api/")) {
      app.use(`${base}/*`, cors);
      app.options(`${base}/*`, () => new Response(null, { status: 204 }));
    }
    for (const [path, methods] of Object.entries(all)) addPath(app, base + path, methods, routes);
    app.all(`${base}/*`, (context) =>
      responseOf(refusal(404, `path ${context.req.path} was not found`)),
    );
  }
}

function addPath(
  app: Hono,
  path: string,
  methods: Partial<Record<Method, Route>>,
  routes: AlertmanagerRoutes,
): void {
  for (const [method, route] of Object.entries(methods))
    app.on(method, path, async (context) => {
      const request = context.req.raw;
      const answer =
        method !== "GET" && saysFromAnotherSite(request)
          ? problem(403, "not from a page of another site")
          : await routes.answer(() => route(request, context));
      return responseOf({ ...answer, headers: { ...answer.headers, "Cache-Control": "no-store" } });
    });
  const allowed = Object.keys(methods).join(",");
  app.all(path, (context) => {
    const message = `method ${context.req.method} is not allowed, but [${allowed}] are`;
    return responseOf(refusal(405, message, 405, { Allow: allowed }));
  });
}

class AlertmanagerRoutes {
  readonly #dependencies: Dependencies;

  constructor(dependencies: Dependencies) {
    this.#dependencies = dependencies;
  }

  /** What a route answers, or the answer to what it has thrown. */
  async answer(route: () => Answer | Promise<Answer>): Promise<Answer> {
    try {
      return await route();
    } catch (error) {
      const failed = problemOf(error);
      if (failed !== undefined) return failed;
      this.#dependencies.onBug(error);
      return problem(500, "internal error; see the server's log");
    }
  }

  get #alertmanager(): AlertmanagerProvider {
    return this.#dependencies.alertmanager;
  }

  async status(): Promise<Answer> {
    const { build, runtime } = this.#dependencies.status;
    const { startTimeMs } = await runtime();
    const cluster = this.#alertmanager.cluster() ?? { peers: [], status: "disabled" };
    return json({
      cluster,
      config: { original: this.#alertmanager.configText() },
      uptime: formatTime(startTimeMs),
      versionInfo: {
        branch: `pharos-${build.version}`,
        buildDate: build.buildDate,
        buildUser: build.buildUser,
        goVersion: build.runtimeVersion,
        revision: build.revision,
        version: ALERTMANAGER_VERSION,
      },
    });
  }

  receivers(request: Request): Answer {
    const { searchParams } = new URL(request.url);
    const matchers = matchersOf(searchParams, "receiver_matchers");
    if (matchers.refused !== undefined) return matchers.refused;
    const { config } = this.#alertmanager.dispatcher;
    return json(
      receiversWith(matchers.value, config.receivers).map(({ name, labels }) => ({
        ...(labels.length === 0 ? {} : { labels: Object.fromEntries(labels) }),
        name,
      })),
    );
  }

  alerts(request: Request): Answer {
    const { searchParams } = new URL(request.url);
    const { dispatcher } = this.#alertmanager;
    const filter = alertFilter(searchParams, dispatcher.config.receivers);
    if (filter.refused !== undefined) return filter.refused;
    const { shows, receives } = filter.value;
    const shown = dispatcher
      .alerts()
      .filter((status) => status.receivers.some(receives) && shows(status));
    const times = this.#times();
    return list(shown, (status) => alertJson(status, times));
  }

  alertGroups(request: Request): Answer {
    const { searchParams } = new URL(request.url);
    const { dispatcher } = this.#alertmanager;
    const filter = alertFilter(searchParams, dispatcher.config.receivers);
    if (filter.refused !== undefined) return filter.refused;
    const { shows, receives } = filter.value;
    const muted = booleanOf(searchParams, "muted");
    const shown = dispatcher
      .groups()
      .filter(({ receiver, mutedBy }) => receives(receiver) && (muted || mutedBy.length === 0))
      .map((group) => ({ group, alerts: group.alerts.filter(shows) }))
      .filter(({ alerts }) => alerts.length > 0);
    const times = this.#times();
    return list(shown, ({ group, alerts }) => groupJson(group, alerts, times));
  }

  #times(): AlertTimes {
    const { resolveTimeoutMs } = this.#alertmanager.dispatcher.config;
    return { nowMs: this.#dependencies.clock.nowMs(), resolveTimeoutMs };
  }

  /** Those that are right are taken even where others are wrong. */
  async postAlerts(request: Request): Promise<Answer> {
    const body = await readBody(request, "alerts", postableAlertsSchema);
    if (body.refused !== undefined) return body.refused;
    const posted: PostedAlert[] = [];
    for (const [index, alert] of (body.value ?? []).entries()) {
      const read = postedAlert(alert, index);
      if (read.refused !== undefined) return read.refused;
      posted.push(read.value);
    }
    const { dispatcher, counts } = this.#alertmanager;
    const problems = await dispatcher.post(posted);
    counts.posted(posted, problems.length, this.#dependencies.clock.nowMs());
    return problems.length === 0 ? NOTHING : problem(400, problems.join("; "));
  }

  /** `?filter&active&pending&expired&creator`. */
  silences(request: Request): Answer {
    const { searchParams } = new URL(request.url);
    const matchers = matchersOf(searchParams, "filter");
    if (matchers.refused !== undefined) return matchers.refused;
    const creators = searchParams.getAll("creator");
    const nowMs = this.#dependencies.clock.nowMs();
    const states = new Set(
      (["active", "pending", "expired"] as const).filter((state) => booleanOf(searchParams, state)),
    );
    const shown = [...this.#alertmanager.silences.list()].filter(
      (silence) =>
        (creators.length === 0 || creators.includes(silence.createdBy)) &&
        hasMatchers(silence, matchers.value) &&
        states.has(silenceState(silence, nowMs)),
    );
    return list(sortSilences(shown, nowMs), (silence) => silenceJson(silence, nowMs));
  }

  async silence(id: string): Promise<Answer> {
    if (!UUID.test(id)) return wrongFormat("silenceID", "path", "uuid", id);
    const silence = await this.#alertmanager.silences.find(id.toLowerCase());
    if (silence === undefined) return { ...NOTHING, status: 404 };
    return json(silenceJson(silence, this.#dependencies.clock.nowMs()));
  }

  async expireSilence(id: string): Promise<Answer> {
    if (!UUID.test(id)) return wrongFormat("silenceID", "path", "uuid", id);
    try {
      await this.#alertmanager.silences.expire(id.toLowerCase());
      return NOTHING;
    } catch (error) {
      if (error instanceof OperatingError && error.code === "not_found")
        return { ...NOTHING, status: 404 };
      throw error;
    }
  }

  async postSilence(request: Request): Promise<Answer> {
    const body = await readBody(request, "silence", postableSilenceSchema);
    if (body.refused !== undefined) return body.refused;
    const draft = silenceDraft(body.value, this.#dependencies.clock.nowMs());
    if (draft.refused !== undefined) return draft.refused;
    const { silences } = this.#alertmanager;
    const { id } = draft.value;
    const before = id === undefined ? undefined : await silences.find(id);
    // Clients of Alertmanager know of no recurrence: one that they change stays as it is in that.
    const recurrence = before?.recurrence;
    try {
      const kept = await silences.set({
        ...draft.value,
        ...(recurrence === undefined ? {} : { recurrence }),
      });
      return json({ silenceID: kept.id });
    } catch (error) {
      if (error instanceof OperatingError && error.code === "input.invalid")
        return problem(400, silenceProblem(error.message));
      throw error;
    }
  }
}

function json(value: unknown): Answer {
  return jsonAnswer(JSON.stringify(value));
}

/** A list that is made as it is read. */
function list<T>(entries: readonly T[], jsonOf: (entry: T) => unknown): Answer {
  function* pieces(): Generator<string, void, undefined> {
    yield "[";
    for (const [i, entry] of entries.entries())
      yield (i === 0 ? "" : ",") + JSON.stringify(jsonOf(entry));
    yield "]";
  }
  return streamed(encoded(pieces()), "application/json");
}
