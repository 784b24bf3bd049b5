import type { HookAnswer, Scenario, ScenarioAlert, Seconds, Step } from "./scenario.ts";

/** A program that scenarios are played on: Alertmanager, or ours in one way or another. */
export interface Player {
  readonly startMs: number;
  /** Lets time pass until so long after the start. */
  reach(ms: number): Promise<void>;
  /** A request to the API under /api/v2; gives the body of a good answer. */
  request(method: "POST" | "DELETE", path: string, body?: unknown): Promise<unknown>;
  reload(config: string): Promise<void>;
  restart(): Promise<void>;
  setHook(path: string, answer: HookAnswer): void;
}

/** Steps are taken this much into their slot of the grid, for nothing to happen just before it. */
const INTO_SLOT_MS = 20;

/** Takes all steps at their times. */
export async function play({ steps, until }: Scenario, player: Player): Promise<void> {
  const silences = new Map<string, string>();
  for (const step of [...steps].sort((a, b) => a.at - b.at)) {
    await player.reach(step.at * 1000 + INTO_SLOT_MS);
    await take(step, player, silences);
  }
  await player.reach(until * 1000);
}

async function take(step: Step, player: Player, silences: Map<string, string>): Promise<void> {
  const time = (seconds: Seconds): string =>
    new Date(player.startMs + seconds * 1000).toISOString();
  switch (step.kind) {
    case "post": {
      const body = step.alerts.map(({ startsAt, endsAt, ...rest }: ScenarioAlert) => ({
        ...rest,
        ...(startsAt === undefined ? {} : { startsAt: time(startsAt) }),
        ...(endsAt === undefined ? {} : { endsAt: time(endsAt) }),
      }));
      await player.request("POST", "/alerts", body);
      return;
    }
    case "silence": {
      const { name, matchers, startsAt, endsAt } = step;
      const answer = await player.request("POST", "/silences", {
        ...{ matchers, startsAt: time(startsAt), endsAt: time(endsAt) },
        ...{ createdBy: "scenario", comment: name },
      });
      silences.set(name, (answer as { readonly silenceID: string }).silenceID);
      return;
    }
    case "expire":
      await player.request("DELETE", `/silence/${silences.get(step.name) ?? ""}`);
      return;
    case "reload":
      return player.reload(step.config);
    case "restart":
      return player.restart();
    case "hook":
      player.setHook(step.path, step.answer);
  }
}
