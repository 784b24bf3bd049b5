import {
  type Incident,
  type NotificationContext,
  type OnCallPlan,
  type OnDuty,
  onCallAt,
  type Schedule,
  type Shift,
  shifts,
} from "@pharos/alert";
import { assert, type Clock, type Labels, OperatingError, quote } from "@pharos/base";
import {
  type Dispatcher,
  EscalationRunner,
  type EscalationStats,
  HeartbeatSender,
  HeartbeatWatch,
  type IncidentBook,
  type KeptOverride,
  OverrideBook,
  type SilenceBook,
  SilenceReminder,
} from "@pharos/notify";
import type { DocumentStore } from "@pharos/ports";
import type { OnCallConfig } from "../config/oncall/oncall-config.ts";
import { type PagePreview, previewPage } from "./page-preview.ts";

/** How far ahead is looked for the next hand-over. */
const NEXT_MS_MAX = 60 * 24 * 3_600_000;

export interface OnCallOptions {
  readonly documents: DocumentStore;
  readonly clock: Clock;
  readonly config: OnCallConfig;
  readonly book: IncidentBook;
  readonly dispatcher: Dispatcher;
  readonly silences: Pick<SilenceBook, "list">;
  /** Gives an id that nobody else gives. */
  readonly newId: () => string;
  /** What pages to somebody say of an incident. */
  readonly contextOf: (incident: Incident, paged: string) => NotificationContext;
  readonly onProblem: (error: OperatingError, doing: string) => void;
}

/** Who is on call, and everything that calls them: opened, connected and closed here. */
export class OnCall implements AsyncDisposable {
  readonly #options: OnCallOptions;
  readonly #overrides: OverrideBook;
  readonly #closers = new AsyncDisposableStack();
  #config: OnCallConfig;
  #plan: OnCallPlan;
  #runner: EscalationRunner | undefined;
  #heartbeats: HeartbeatWatch | undefined;

  private constructor(options: OnCallOptions, overrides: OverrideBook) {
    this.#options = options;
    this.#overrides = overrides;
    this.#config = options.config;
    this.#plan = planWith(options.config.plan, overrides.list());
  }

  /**
   * Takes escalations up where the last process left them.
   *
   * @throws OperatingError of the document store.
   */
  static async open(options: OnCallOptions): Promise<OnCall> {
    const { documents: store, clock, dispatcher, book, silences, onProblem } = options;
    let replan = (): void => {};
    const overrides = await OverrideBook.open({
      ...{ store, clock, newId: options.newId, onProblem },
      onChange: () => replan(),
    });
    const opened = new OnCall(options, overrides);
    replan = () => opened.#replan();
    opened.#closers.use(overrides);
    try {
      const runner = await EscalationRunner.open({
        ...{ store, clock, book, dispatcher, contextOf: options.contextOf, onProblem },
        plan: () => opened.#plan,
        isReachable: opened.isReachable,
      });
      opened.#runner = opened.#closers.use(runner);
      const expected = (): OnCallConfig["expected"] => opened.#config.expected;
      const watch = await HeartbeatWatch.open({ store, clock, dispatcher, expected, onProblem });
      opened.#heartbeats = opened.#closers.use(watch);
      const heartbeat = (): OnCallConfig["heartbeat"] => opened.#config.heartbeat;
      opened.#closers.use(new HeartbeatSender({ clock, dispatcher, heartbeat, onProblem }));
      const reminder = (): OnCallConfig["silenceReminder"] => opened.#config.silenceReminder;
      opened.#closers.use(
        new SilenceReminder({ clock, dispatcher, silences, reminder, onProblem }),
      );
    } catch (error) {
      await opened[Symbol.asyncDispose]();
      throw error;
    }
    return opened;
  }

  /** Takes what the file says now. */
  apply(config: OnCallConfig): void {
    this.#config = config;
    this.#replan();
  }

  /** With the overrides that people have made. */
  get plan(): OnCallPlan {
    return this.#plan;
  }

  /** How long an acknowledgement lasts that does not say so; undefined for as long as its incident. */
  get acknowledgementMs(): number | undefined {
    return this.#config.acknowledgementMs;
  }

  /** Whether a receiver is there and tells anybody. */
  readonly isReachable = (receiver: string): boolean =>
    this.#options.dispatcher.config.receivers.some(
      ({ name, integrations }) => name === receiver && integrations.length > 0,
    );

  /** Who is on call now, until when, and who comes next; where that is not known within two months, without. */
  duties(): readonly Duty[] {
    const nowMs = this.#options.clock.nowMs();
    return [...this.#plan.schedules.values()].map((schedule) => {
      const [now, next] = shifts(schedule, nowMs, nowMs + NEXT_MS_MAX);
      const untilMs = next === undefined ? null : (now?.endsAtMs ?? null);
      return { schedule, onDuty: onCallAt(schedule, nowMs) ?? null, untilMs, next: next ?? null };
    });
  }

  /** @throws OperatingError `not_found` */
  schedule(name: string): Schedule {
    const schedule = this.#plan.schedules.get(name);
    if (schedule === undefined)
      throw new OperatingError("not_found", `there is no schedule ${quote(name)}`);
    return schedule;
  }

  /** @throws OperatingError `not_found` */
  shifts(name: string, fromMs: number, toMs: number): readonly Shift[] {
    return shifts(this.schedule(name), fromMs, toMs);
  }

  /** Those that people made, of one schedule. @throws OperatingError `not_found` */
  overrides(name: string): readonly KeptOverride[] {
    this.schedule(name);
    return this.#overrides.list().filter(({ schedule }) => schedule === name);
  }

  /** @throws OperatingError `not_found`, `input.invalid`, `queue.full`; of the store. */
  async addOverride(draft: Omit<KeptOverride, "id" | "createdAtMs">): Promise<KeptOverride> {
    this.schedule(draft.schedule);
    if (!this.#plan.contacts.has(draft.contact))
      throw new OperatingError("input.invalid", `there is no contact ${quote(draft.contact)}`);
    if (draft.endsAtMs <= Math.max(draft.startsAtMs, this.#options.clock.nowMs()))
      throw new OperatingError("input.invalid", "an override ends after its start, and after now");
    return this.#overrides.add(draft);
  }

  /** @throws OperatingError `not_found`; of the store. */
  deleteOverride(schedule: string, id: string): Promise<void> {
    return this.#overrides.delete(schedule, id);
  }

  /** Who would be told of an alert that begins then. */
  preview(labels: Labels, atMs: number): PagePreview {
    return previewPage(labels, atMs, this.#options.dispatcher, this);
  }

  escalationStats(): EscalationStats {
    assert(this.#runner !== undefined, "it is open");
    return this.#runner.stats();
  }

  get heartbeats(): Pick<HeartbeatWatch, "list" | "hear"> {
    if (this.#heartbeats === undefined) throw new OperatingError("not_found", "not open yet");
    return this.#heartbeats;
  }

  #replan(): void {
    this.#plan = planWith(this.#config.plan, this.#overrides.list());
    this.#runner?.wake();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#closers.disposeAsync();
  }
}

/** Who is on call in a schedule. */
export interface Duty {
  readonly schedule: Schedule;
  /** Null where nobody is. */
  readonly onDuty: OnDuty | null;
  readonly untilMs: number | null;
  readonly next: Shift | null;
}

/** What people changed counts before what the file says. */
function planWith(plan: OnCallPlan, overrides: readonly KeptOverride[]): OnCallPlan {
  if (overrides.length === 0) return plan;
  const schedules = new Map<string, Schedule>();
  for (const [name, schedule] of plan.schedules) {
    // Somebody may have left since.
    const own = overrides.filter(
      (override) => override.schedule === name && plan.contacts.has(override.contact),
    );
    schedules.set(name, { ...schedule, overrides: [...schedule.overrides, ...own] });
  }
  return { ...plan, schedules };
}
