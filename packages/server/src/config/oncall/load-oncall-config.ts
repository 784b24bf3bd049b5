import { dirname } from "node:path";
import type { Contact, EscalationPolicy, Schedule } from "@pharos/alert";
import { quote } from "@pharos/base";
import type { NotificationConfig, ReceiverConfig } from "@pharos/notify";
import { isSeq } from "yaml";
import { z } from "zod";
import { email, emailSchema } from "../alertmanager/email-integration.ts";
import type { GlobalKeys } from "../alertmanager/global-schema.ts";
import { IntegrationReader } from "../alertmanager/integration-reader.ts";
import { withoutAddresses } from "../alertmanager/load-notification-config.ts";
import { readMatchers } from "../alertmanager/matcher-config.ts";
import { readIntegrations } from "../alertmanager/receiver-config.ts";
import { byPlace, ConfigError } from "../diagnostics.ts";
import type { SettingsContext } from "../http-client-schema.ts";
import { type ConfigEnvironment, readConfigText, resolvePath } from "../load-config.ts";
import { nearestName } from "../nearest-name.ts";
import { readYaml, type Unsupported, unread } from "../read-yaml.ts";
import { formatPath, type Path, YamlSource } from "../yaml-source.ts";
import type { ExpectedHeartbeat, OnCallConfig } from "./oncall-config.ts";
import {
  contactSchema,
  deadMansSwitchSchema,
  oncallSchema,
  policySchema,
  scheduleSchema,
  teamSchema,
} from "./oncall-schema.ts";
import { policyConfig } from "./policy-config.ts";
import { scheduleConfig } from "./schedule-config.ts";

export interface LoadedOnCallConfig {
  readonly config: OnCallConfig;
  readonly unsupported: readonly Unsupported[];
  /** A line each. */
  readonly warnings: readonly string[];
}

/** What is read entry by entry, so that a mistake in one does not hide those in another. */
const SECTIONS_ONLY = z.strictObject({
  ...oncallSchema.shape,
  contacts: unread(),
  teams: unread(),
  schedules: unread(),
  policies: unread(),
  dead_mans_switch: unread(),
});

/** What the file refers to. */
export interface OnCallSurroundings {
  readonly notifications: NotificationConfig;
  /** The section `global` of alertmanager.yml: what contacts' own integrations have from there. */
  readonly global: GlobalKeys;
}

/**
 * Reads who is called. Every step of every policy must reach somebody.
 *
 * @throws ConfigError with all that is wrong.
 */
export function loadOnCallConfig(
  text: string,
  fileName: string,
  surroundings: OnCallSurroundings,
  environment: Pick<ConfigEnvironment, "readFile">,
): LoadedOnCallConfig {
  const source = new YamlSource(text, fileName);
  if (source.diagnostics.length > 0) throw new ConfigError(source.diagnostics);
  const reader = new OnCallReader(source, surroundings, environment);
  const config = reader.read();
  if (source.diagnostics.length > 0)
    throw new ConfigError(source.diagnostics.toSorted(byPlace).map(withoutAddresses));
  const { unsupported, warnings } = reader;
  return { config, unsupported: unsupported.toSorted(byPlace), warnings };
}

/** What there is to refer to, by kind. */
interface KnownNames {
  readonly contact: ReadonlySet<string>;
  readonly team: ReadonlySet<string>;
  readonly schedule: ReadonlySet<string>;
}

class OnCallReader {
  readonly unsupported: Unsupported[] = [];
  readonly warnings: string[] = [];
  readonly #source: YamlSource;
  readonly #surroundings: OnCallSurroundings;
  readonly #environment: Pick<ConfigEnvironment, "readFile">;

  constructor(
    source: YamlSource,
    surroundings: OnCallSurroundings,
    environment: Pick<ConfigEnvironment, "readFile">,
  ) {
    this.#source = source;
    this.#surroundings = surroundings;
    this.#environment = environment;
  }

  read(): OnCallConfig {
    const sections = readYaml(this.#source, SECTIONS_ONLY, [], this.unsupported);
    const receivers: ReceiverConfig[] = [];
    const contacts = this.#contacts(receivers);
    const teams = this.#teams(contacts);
    const schedules = this.#schedules(contacts);
    const known: KnownNames = {
      contact: new Set(contacts.keys()),
      team: new Set(teams.keys()),
      schedule: new Set(schedules.keys()),
    };
    const policies = this.#policies(known);
    const dead = readYaml(
      this.#source,
      deadMansSwitchSchema.prefault({}),
      ["dead_mans_switch"],
      this.unsupported,
    );
    const send = dead?.send;
    if (send !== undefined) this.#checkReceivers(send.receivers, ["dead_mans_switch", "send"]);
    const reminder = sections?.silence_reminder;
    if (reminder !== undefined) this.#checkReceivers(reminder.receivers, ["silence_reminder"]);
    return {
      plan: { contacts, teams, schedules, policies },
      receivers,
      heartbeat:
        send === undefined ? undefined : { receivers: send.receivers, intervalMs: send.every },
      expected: this.#expected(dead?.expect ?? []),
      silenceReminder:
        reminder === undefined
          ? undefined
          : { receivers: reminder.receivers, beforeMs: reminder.before },
      acknowledgementMs: sections?.incidents.acknowledgement_expires_in,
    };
  }

  /** The entries of a list, each with its place; what is no list is reported. */
  *#entries<S extends z.ZodType>(
    section: string,
    schema: S,
  ): Generator<readonly [keys: z.output<S> | undefined, path: Path]> {
    const node = this.#source.nodeAt([section]);
    if (!isSeq(node)) {
      readYaml(this.#source, z.array(z.unknown()).optional(), [section], this.unsupported);
      return;
    }
    for (const index of node.items.keys()) {
      const path = [section, index];
      yield [readYaml(this.#source, schema, path, this.unsupported), path];
    }
  }

  /** The name that an entry has in the file, also where something else is wrong with it. */
  #nameOf(path: Path, taken: { has(name: string): boolean }): string {
    const at = [...path, "name"];
    const name = readYaml(this.#source, z.string().optional(), at, []) ?? "";
    if (name !== "" && taken.has(name))
      this.#source.report(at, `${quote(name)} is there already; names are unique in a section`);
    return name;
  }

  #contacts(receivers: ReceiverConfig[]): ReadonlyMap<string, Contact> {
    const contacts = new Map<string, Contact>();
    for (const [keys, path] of this.#entries("contacts", contactSchema)) {
      const name = this.#nameOf(path, contacts);
      const integrations = [...this.#ownIntegrations(path)];
      const address = keys?.email;
      if (address !== undefined) {
        const at = [...path, "email"];
        const reader = new IntegrationReader(
          at,
          integrations.filter(({ kind }) => kind === "email").length,
          this.#surroundings.global,
          this.#context(),
        );
        const written = emailSchema.parse({ to: String(address), send_resolved: true });
        integrations.push(email(written, reader));
      }
      const own = `oncall/${name}`;
      if (integrations.length > 0) receivers.push({ name: own, labels: [], integrations });
      const named = keys?.receivers ?? [];
      this.#checkReceivers(named, path);
      const isReached =
        keys === undefined || Object.keys(keys).some((key) => /_configs$/.test(key));
      if (!isReached && named.length + integrations.length === 0)
        this.#source.report(
          path,
          `${quote(name)} has nowhere to be told; give it receivers, email, or a list such as slack_configs`,
        );
      contacts.set(name, {
        name,
        receivers: integrations.length > 0 ? [...named, own] : named,
      });
    }
    return contacts;
  }

  #ownIntegrations(path: Path): ReceiverConfig["integrations"] {
    return readIntegrations(path, {
      source: this.#source,
      global: this.#surroundings.global,
      context: this.#context(),
      unsupported: this.unsupported,
    });
  }

  #context(): SettingsContext {
    const source = this.#source;
    const folder = dirname(source.fileName);
    return {
      report: (path, message) => source.report(path, message),
      readFile: (name, path) =>
        readConfigText(resolvePath(name, folder), this.#environment, source, path),
    };
  }

  #teams(contacts: ReadonlyMap<string, Contact>): ReadonlyMap<string, readonly string[]> {
    const teams = new Map<string, readonly string[]>();
    for (const [keys, path] of this.#entries("teams", teamSchema)) {
      const name = this.#nameOf(path, teams);
      this.#checkNames(keys?.members ?? [], contacts.keys(), "contact", [...path, "members"]);
      teams.set(name, keys?.members ?? []);
    }
    return teams;
  }

  #schedules(contacts: ReadonlyMap<string, Contact>): ReadonlyMap<string, Schedule> {
    const schedules = new Map<string, Schedule>();
    for (const [keys, path] of this.#entries("schedules", scheduleSchema)) {
      const name = this.#nameOf(path, schedules);
      for (const [index, { participants }] of (keys?.layers ?? []).entries()) {
        const at = [...path, "layers", index, "participants"];
        this.#checkNames(participants, contacts.keys(), "contact", at);
      }
      for (const [index, { contact }] of (keys?.overrides ?? []).entries()) {
        const at = [...path, "overrides", index, "contact"];
        this.#checkName(contact, contacts.keys(), "contact", at);
      }
      // Policies may refer to one that has a mistake in it: that is told once, here.
      const empty = { name, timeZone: "UTC", layers: [], overrides: [] };
      schedules.set(name, keys === undefined ? empty : scheduleConfig(keys, path, this.#source));
    }
    return schedules;
  }

  #policies(known: KnownNames): readonly EscalationPolicy[] {
    const policies = new Map<string, EscalationPolicy>();
    for (const [keys, path] of this.#entries("policies", policySchema)) {
      const name = this.#nameOf(path, policies);
      if (keys === undefined) continue;
      policies.set(
        name,
        policyConfig(keys, path, {
          source: this.#source,
          warn: (at, message) => this.#warn(at, message),
          check: (target, at) => {
            if (target.kind === "receiver") this.#checkReceiver(target.name, at);
            else this.#checkName(target.name, known[target.kind], target.kind, at);
          },
        }),
      );
    }
    return [...policies.values()];
  }

  #expected(
    entries: z.output<typeof deadMansSwitchSchema>["expect"],
  ): readonly ExpectedHeartbeat[] {
    const names = new Set<string>();
    return entries.map(({ name, matchers, within, severity }, index) => {
      const path = ["dead_mans_switch", "expect", index];
      this.#nameOf(path, names);
      names.add(name);
      const keys = { equals: {}, regexes: {}, matchers };
      const keyNames = { equals: "", regexes: "", matchers: "matchers" };
      const warn = (at: Path, message: string): void => this.#warn(at, message);
      const read = readMatchers(keys, keyNames, path, this.#source, warn);
      return { name, matchers: read, withinMs: within, severity };
    });
  }

  #warn(path: Path, message: string): void {
    const { line, column } = this.#source.position(this.#source.keyOffset(path));
    const place = `${this.#source.fileName}:${line}:${column}`;
    this.warnings.push(`${place}: ${formatPath(path)}: ${message}`);
  }

  #checkReceivers(names: readonly string[], path: Path): void {
    for (const [index, name] of names.entries())
      this.#checkReceiver(name, [...path, "receivers", index]);
  }

  #checkReceiver(name: string, path: Path): void {
    const { receivers } = this.#surroundings.notifications;
    const found = receivers.find((receiver) => receiver.name === name);
    if (found === undefined)
      this.#checkName(
        name,
        receivers.map((receiver) => receiver.name),
        "receiver of alertmanager.yml",
        path,
      );
    else if (found.integrations.length === 0)
      this.#source.report(path, `receiver ${quote(name)} of alertmanager.yml tells nobody`);
  }

  #checkNames(names: readonly string[], known: Iterable<string>, kind: string, path: Path): void {
    const all = [...known];
    for (const [index, name] of names.entries()) this.#checkName(name, all, kind, [...path, index]);
  }

  #checkName(name: string, known: Iterable<string>, kind: string, path: Path): void {
    const all = [...known];
    if (all.includes(name)) return;
    const nearest = nearestName(name, all);
    const hint = nearest === undefined ? "" : `; did you mean ${nearest}?`;
    this.#source.report(path, `there is no ${kind} ${quote(name)}${hint}`);
  }
}
