import { deepEqual, equal, ok } from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { type Rng, seededRng } from "@pharos/base";
import { eventually } from "../harness/child.ts";
import { PharosProcess, temporaryFolder } from "../harness/pharos-process.ts";
import { PostgresProcess, skipWithoutPostgres } from "../harness/postgres-process.ts";

const LIVES = 10;
/** Changes of one life before the process dies, of all lanes together; at most. */
const CHANGES_MAX = 60;

/** A seed of its own for each run, printed, so that a failing run can be looked at again. */
const seed = Number(process.env["CRASH_SEED"] ?? Date.now() % 1_000_000);

const RULES = `
groups:
  - name: always
    interval: 200ms
    rules:
      - { alert: Always, expr: vector(1), labels: { severity: page } }
`;
const ALERTMANAGER = "route: { receiver: team, group_wait: 0s }\nreceivers: [{ name: team }]\n";

test("kill -9 loses no rule, silence, comment or acknowledgement that somebody was told is kept", async (t) => {
  await changeAndDie(t, []);
});

test("kill -9 of a server with PostgreSQL loses none either", {
  skip: skipWithoutPostgres(),
}, async (t) => {
  await using folder = await temporaryFolder();
  await using postgres = await PostgresProcess.start(folder.path);
  await changeAndDie(t, ["--database-url", postgres.url()]);
});

/** Somebody who changes one kind of thing, one change after the other, and knows what was acknowledged. */
interface Person {
  /** Makes the next change; answers whether it was acknowledged. */
  change(url: string): Promise<boolean>;
  /** Everything acknowledged is there; the change under way is there as a whole or not at all. */
  check(url: string, what: string): Promise<void>;
}

async function changeAndDie(t: TestContext, args: readonly string[]): Promise<void> {
  t.diagnostic(`CRASH_SEED=${seed}`);
  const rng = seededRng(seed);
  await using folder = await temporaryFolder();
  await using pharos = await PharosProcess.start({
    folder: folder.path,
    config: "global: {}\nrule_files: [rules.yml]\n",
    files: { "rules.yml": RULES, "alertmanager.yml": ALERTMANAGER },
    args: ["--alertmanager-config", "alertmanager.yml", ...args],
  });
  const incident = await eventually("an incident", () => openIncident(pharos.url));
  const people: readonly Person[] = [
    new RuleWriter("ann", rng),
    new RuleWriter("bob", rng),
    new Responder(incident),
    new Silencer(rng),
  ];
  let changes = 0;
  for (let life = 1; life <= LIVES; life++) {
    let left = 1 + rng.below(CHANGES_MAX);
    let died: Promise<unknown> | undefined;
    const work = async (person: Person): Promise<void> => {
      while (died === undefined && (await person.change(pharos.url))) {
        changes++;
        if (--left <= 0) died ??= dieSoon();
      }
    };
    const dieSoon = async (): Promise<void> => {
      for (let turns = rng.below(50); turns > 0; turns--) await new Promise(setImmediate);
      await pharos.stop("SIGKILL");
    };
    await Promise.all(people.map(work));
    await died;
    await pharos.restart();
    for (const person of people) await person.check(pharos.url, `life ${life}`);
  }
  t.diagnostic(`${changes} changes were acknowledged in ${LIVES} lives`);
  ok(changes >= LIVES, "something was acknowledged");
}

/** Creates rules, changes and deletes some of them. */
class RuleWriter implements Person {
  readonly #name: string;
  readonly #rng: Rng;
  /** By id, the expression. */
  readonly #rules = new Map<string, string>();
  #count = 0;
  /** What may have happened to one rule: its id where it is known, and the expression that it has then. */
  #underWay: { readonly id: string | undefined; readonly expr: string | undefined } | undefined;

  constructor(name: string, rng: Rng) {
    this.#name = name;
    this.#rng = rng;
  }

  async change(url: string): Promise<boolean> {
    const number = ++this.#count;
    const expr = `up{by="${this.#name}"} == ${number}`;
    const ids = [...this.#rules.keys()];
    const id = this.#rng.below(3) === 0 ? ids[this.#rng.below(Math.max(1, ids.length))] : undefined;
    const isDeleted = id !== undefined && this.#rng.below(2) === 0;
    this.#underWay = { id, expr: isDeleted ? undefined : expr };
    const path = `/api/v1/alerts/rules${id === undefined ? "" : `/${id}`}`;
    const method = id === undefined ? "POST" : isDeleted ? "DELETE" : "PUT";
    const alert = id === undefined ? `${this.#name} ${number}` : undefined;
    const name = alert ?? (await this.#nameOf(url, id ?? ""));
    if (name === undefined) return false;
    const answer = await send(url, method, path, isDeleted ? undefined : { alert: name, expr });
    if (answer === undefined) return false;
    this.#underWay = undefined;
    if (isDeleted) this.#rules.delete(id);
    else this.#rules.set(id ?? (answer as { id: string }).id, expr);
    return true;
  }

  async #nameOf(url: string, id: string): Promise<string | undefined> {
    const rule = await send(url, "GET", `/api/v1/alerts/rules/${id}`);
    return rule === undefined ? undefined : (rule as { name: string }).name;
  }

  async check(url: string, what: string): Promise<void> {
    const answer = await fetch(`${url}/api/v1/alerts/rules?source=api&limit=0`);
    const all = (await answer.json()) as { id: string; name: string; expr: string }[];
    const mine = all.filter(({ expr }) => expr.includes(`by="${this.#name}"`));
    const found = new Map(mine.map(({ id, expr }) => [id, expr]));
    const underWay = this.#underWay;
    this.#underWay = undefined;
    if (underWay !== undefined) {
      // It happened, or it did not: from now on it is as it is.
      const { expr } = underWay;
      const id = underWay.id ?? mine.find((rule) => rule.expr === expr)?.id;
      if (id !== undefined && found.get(id) === expr) {
        if (expr === undefined) this.#rules.delete(id);
        else this.#rules.set(id, expr);
      }
    }
    deepEqual(sorted(found), sorted(this.#rules), `${what}: the rules of ${this.#name}`);
  }
}

/** Acknowledges an incident, comments on it and takes the acknowledgement back, over and over. */
class Responder implements Person {
  readonly #incident: string;
  #acknowledged = 0;

  constructor(incident: string) {
    this.#incident = incident;
  }

  async change(url: string): Promise<boolean> {
    const next = this.#acknowledged + 1;
    const path = `/api/v1/incidents/${this.#incident}/${ACTIONS[next % ACTIONS.length]}`;
    const answer = await send(url, "POST", path, { by: "eve", comment: `note ${next}` });
    if (answer === undefined) return false;
    this.#acknowledged = next;
    return true;
  }

  async check(url: string, what: string): Promise<void> {
    const notes: string[] = [];
    let status: string | undefined;
    let cursor = "";
    do {
      const path = `/api/v1/incidents/${this.#incident}?limit=1000${cursor}`;
      const answer = (await send(url, "GET", path)) as { data: IncidentAnswer };
      for (const { detail } of answer.data.timeline)
        if (detail.comment !== undefined) notes.push(detail.comment);
      status ??= answer.data.status;
      cursor = answer.data.cursor === undefined ? "" : `&cursor=${answer.data.cursor}`;
    } while (cursor !== "");
    const count = notes.length;
    ok(
      count === this.#acknowledged || count === this.#acknowledged + 1,
      `${what}: ${count} notes are there and ${this.#acknowledged} were acknowledged`,
    );
    const expected = Array.from({ length: count }, (_, back) => `note ${count - back}`);
    deepEqual(notes, expected, what);
    const isAcknowledged = ["acknowledge", "comment"].includes(
      ACTIONS[count % ACTIONS.length] ?? "",
    );
    equal(status, isAcknowledged && count > 0 ? "acknowledged" : "firing", what);
    this.#acknowledged = count;
  }
}

interface KeptSilence {
  readonly id: string;
  readonly comment: string;
  readonly status: { readonly state: string };
}

/** Makes silences, gives some of them another comment and ends some, as Alertmanager's clients do. */
class Silencer implements Person {
  readonly #rng: Rng;
  /** By id, the comment and the state. */
  readonly #silences = new Map<string, string>();
  #count = 0;
  /** What may have happened to one silence: its id where it is known, and how it is shown then. */
  #underWay: { readonly id: string | undefined; readonly shown: string } | undefined;

  constructor(rng: Rng) {
    this.#rng = rng;
  }

  async change(url: string): Promise<boolean> {
    const comment = `silence ${++this.#count}`;
    const active = [...this.#silences].filter(([, shown]) => shown.endsWith(" active"));
    const [id, shown = ""] =
      this.#rng.below(3) === 0 ? (active[this.#rng.below(Math.max(1, active.length))] ?? []) : [];
    const isEnded = id !== undefined && this.#rng.below(2) === 0;
    const next = isEnded ? shown.replace(/ active$/, " expired") : `${comment} active`;
    this.#underWay = { id, shown: next };
    const answer = isEnded
      ? await send(url, "DELETE", `/api/v2/silence/${id}`)
      : await this.#put(url, id, comment);
    if (answer === undefined) return false;
    this.#underWay = undefined;
    this.#silences.set(id ?? (answer as { silenceID: string }).silenceID, next);
    return true;
  }

  async #put(url: string, id: string | undefined, comment: string): Promise<unknown> {
    const draft = { createdBy: "dan", comment, matchers: [MATCHER] };
    if (id === undefined) {
      const startsAt = new Date().toISOString();
      return send(url, "POST", "/api/v2/silences", { ...draft, startsAt, endsAt: FAR_END });
    }
    const before = (await send(url, "GET", `/api/v2/silence/${id}`)) as object | undefined;
    if (before === undefined) return undefined;
    return send(url, "POST", "/api/v2/silences", { ...before, ...draft });
  }

  async check(url: string, what: string): Promise<void> {
    const all = (await send(url, "GET", "/api/v2/silences")) as readonly KeptSilence[];
    const found = new Map(all.map(({ id, comment, status }) => [id, `${comment} ${status.state}`]));
    const underWay = this.#underWay;
    this.#underWay = undefined;
    if (underWay !== undefined) {
      // It happened, or it did not: from now on it is as it is.
      const { shown } = underWay;
      const id = underWay.id ?? [...found].find(([, text]) => text === shown)?.[0];
      if (id !== undefined && found.get(id) === shown) this.#silences.set(id, shown);
    }
    deepEqual(sorted(found), sorted(this.#silences), `${what}: the silences`);
  }
}

const MATCHER = { name: "team", value: "nobody", isRegex: false, isEqual: true };
const FAR_END = "2100-01-01T00:00:00.000Z";

/** The first one is `ACTIONS[1]`. */
const ACTIONS = ["unacknowledge", "acknowledge", "comment"];

interface IncidentAnswer {
  readonly status: string;
  readonly timeline: readonly { readonly detail: { readonly comment?: string } }[];
  readonly cursor?: string;
}

async function openIncident(url: string): Promise<string | undefined> {
  const answer = (await send(url, "GET", "/api/v1/incidents?status=open")) as {
    data: { incidents: { id: string }[] };
  };
  return answer.data.incidents[0]?.id;
}

/** The answer; undefined where the process died under the request, so that what became of it is open. */
async function send(url: string, method: string, path: string, body?: object): Promise<unknown> {
  let response: Response;
  let text: string;
  try {
    response = await fetch(url + path, {
      method,
      headers: { "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    text = await response.text();
  } catch {
    return undefined;
  }
  ok(response.ok, `${method} ${path}: ${response.status} ${text}`);
  return text === "" ? {} : JSON.parse(text);
}

function sorted(rules: ReadonlyMap<string, string>): readonly (readonly [string, string])[] {
  return [...rules].sort(([a], [b]) => (a < b ? -1 : 1));
}
