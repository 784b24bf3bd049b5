import type { Json } from "@pharos/ports";
import type { JiraConfig } from "../config/jira-config.ts";
import {
  DeliveryError,
  type OutgoingNotification,
  type Receipt,
  type Receiver,
} from "../receiver.ts";
import { answerFields, objectFields, textOf } from "./answer-json.ts";
import { dedupKey } from "./dedup-key.ts";
import { filled } from "./filled-fields.ts";
import { type HttpAnswer, HttpSender, judgeStatus, shownAnswer } from "./http-sender.ts";
import { jiraDescription, jiraLabel, jiraSummary } from "./jira-text.ts";
import { MessageTexts } from "./message-texts.ts";
import type { ReceiverEnvironment } from "./receiver-environment.ts";

interface Issue {
  readonly key: string;
  /** Whether it stands in a column of things that are done; undefined where Jira does not say. */
  readonly isDone: boolean | undefined;
}

/** Opens an issue for a group, keeps it up to date, resolves and reopens it. A label tells which group it is of. */
export class JiraReceiver implements Receiver {
  readonly #config: JiraConfig;
  readonly #environment: ReceiverEnvironment;
  readonly #sender: HttpSender;
  readonly #apiUrl: string;

  constructor(config: JiraConfig, environment: ReceiverEnvironment) {
    this.#config = config;
    this.#environment = environment;
    this.#sender = new HttpSender(config, environment);
    this.#apiUrl = config.apiUrl.replace(/\/+$/, "");
  }

  async send({ notification, state }: OutgoingNotification, signal: AbortSignal): Promise<Receipt> {
    const texts = new MessageTexts(this.#environment, notification);
    const groupLabel = `ALERT{${dedupKey(notification)}}`;
    const issue = await this.#search(groupLabel, texts, state, signal);
    if (issue !== undefined) {
      const path = `issue/${encodeURIComponent(issue.key)}`;
      await this.#call("PUT", path, this.#changes(groupLabel, texts), signal);
      await this.#move(issue, texts.status, signal);
      return {};
    }
    if (texts.status === "resolved") return {};
    const answer = await this.#call("POST", "issue", this.#newIssue(groupLabel, texts), signal);
    const id = textOf(answerFields(answer)["id"]);
    return id === "" ? {} : { state: { id } };
  }

  /** The group's issue that is open, or that may be opened again. */
  async #search(
    groupLabel: string,
    texts: MessageTexts,
    state: Json | undefined,
    signal: AbortSignal,
  ): Promise<Issue | undefined> {
    const isCloud = this.#isCloud();
    const id = Number(objectFields(state)["id"]);
    // The search of Jira's cloud lags behind: an issue that we opened a moment ago is named.
    const recent = isCloud && Number.isSafeInteger(id) ? { reconcileIssues: [id] } : {};
    const json = {
      jql: this.#query(groupLabel, texts),
      maxResults: 2,
      fields: ["status"],
      ...recent,
    };
    const url = isCloud
      ? `${this.#apiUrl.replace("/rest/api/2", "/rest/api/3")}/search/jql`
      : `${this.#apiUrl}/search`;
    const answer = await this.#request("POST", url, json, signal);
    const { issues } = answerFields(answer);
    if (!Array.isArray(issues))
      throw new DeliveryError("notify.unavailable", "jira: the answer to a search holds no issues");
    const { key, fields } = objectFields(issues[0]);
    if (typeof key !== "string") return undefined;
    const { statusCategory } = objectFields(objectFields(fields)["status"]);
    const category = textOf(objectFields(statusCategory)["key"]);
    return { key, isDone: category === "" ? undefined : category === "done" };
  }

  #query(groupLabel: string, texts: MessageTexts): string {
    const { project, wontFixResolution, reopenTransition, reopenDurationMs } = this.#config;
    const minutes = Math.trunc(reopenDurationMs / 60_000);
    const mayReopen = texts.status === "firing" && reopenTransition !== "" && minutes > 0;
    return [
      // An issue that is open has no resolution, and to Jira nothing is not unequal to something.
      ...(wontFixResolution === ""
        ? []
        : [`(resolution is EMPTY OR resolution != ${quoted(wontFixResolution)})`]),
      mayReopen
        ? `(resolutiondate is EMPTY OR resolutiondate >= -${minutes}m)`
        : "statusCategory != Done",
      `project=${quoted(texts.text(project))}`,
      `labels=${quoted(groupLabel)} order by status ASC,resolutiondate DESC`,
    ].join(" and ");
  }

  #newIssue(groupLabel: string, texts: MessageTexts): object {
    const { project, issueType } = this.#config;
    return {
      fields: {
        project: { key: texts.text(project) },
        issuetype: { name: texts.text(issueType) },
        ...this.#texts(texts, true, true),
        labels: this.#labels(groupLabel, texts),
        ...this.#more(texts),
      },
    };
  }

  /** What people may have changed meanwhile is left as it is where the configuration says so. */
  #changes(groupLabel: string, texts: MessageTexts): object {
    const { summary, description, labels } = this.#config;
    const all = this.#labels(groupLabel, texts);
    const isReplaced = labels.enableUpdate && labels.updateMode === "replace";
    const isMerged = labels.enableUpdate && labels.updateMode === "merge";
    return {
      fields: {
        ...this.#texts(texts, summary.enableUpdate, description.enableUpdate),
        ...(isReplaced ? { labels: all } : {}),
        ...this.#more(texts),
      },
      ...(isMerged ? { update: { labels: all.map((label) => ({ add: label })) } } : {}),
    };
  }

  #texts(texts: MessageTexts, summary: boolean, description: boolean): Record<string, unknown> {
    const config = this.#config;
    const isVersion3 = this.#apiUrl.endsWith("/3");
    return filled({
      summary: summary ? jiraSummary(texts.text(config.summary.template)) : undefined,
      description: description
        ? jiraDescription(texts.text(config.description.template), isVersion3)
        : undefined,
    });
  }

  #labels(groupLabel: string, texts: MessageTexts): string[] {
    const labels = this.#config.labels.values.map((value) => jiraLabel(texts.text(value)));
    return [...new Set([...labels.filter((label) => label !== ""), groupLabel])].sort();
  }

  #more(texts: MessageTexts): Record<string, unknown> {
    const { priority, fields } = this.#config;
    const name = texts.text(priority);
    return {
      ...(name === "" ? {} : { priority: { name } }),
      ...Object.fromEntries(fields.map(([field, value]) => [field, texts.json(value)])),
    };
  }

  /** To where its group is, by the transition that the configuration names. */
  async #move(
    { key, isDone }: Issue,
    status: "firing" | "resolved",
    signal: AbortSignal,
  ): Promise<void> {
    const { reopenTransition, resolveTransition } = this.#config;
    const name = status === "firing" ? reopenTransition : resolveTransition;
    if (name === "" || isDone === undefined || isDone === (status === "resolved")) return;
    const path = `issue/${encodeURIComponent(key)}/transitions`;
    const answer = await this.#call("GET", path, undefined, signal);
    const { transitions } = answerFields(answer);
    const known = (Array.isArray(transitions) ? transitions : []).map(objectFields);
    const found = known.find((transition) => transition["name"] === name);
    if (found === undefined) {
      const names = known.map((transition) => JSON.stringify(transition["name"])).join(", ");
      throw new DeliveryError(
        "notify.rejected",
        `jira: issue ${key} has no transition ${JSON.stringify(name)}; it has ${names || "none"}`,
      );
    }
    await this.#call("POST", path, { transition: { id: found["id"] } }, signal);
  }

  #isCloud(): boolean {
    const { apiType, apiUrl } = this.#config;
    if (apiType !== "auto") return apiType === "cloud";
    return URL.canParse(apiUrl) && new URL(apiUrl).hostname.endsWith("atlassian.net");
  }

  #call(
    method: "GET" | "POST" | "PUT",
    path: string,
    json: object | undefined,
    signal: AbortSignal,
  ): Promise<HttpAnswer> {
    return this.#request(method, `${this.#apiUrl}/${path}`, json, signal);
  }

  #request(
    method: "GET" | "POST" | "PUT",
    url: string,
    json: object | undefined,
    signal: AbortSignal,
  ): Promise<HttpAnswer> {
    return this.#sender.send(
      {
        ...{ method, url },
        ...(json === undefined ? {} : { json }),
        // So that names and errors are those of the configuration's language.
        headers: { accept: "application/json", "accept-language": "en" },
        judge: judgeStatus([], errorsOf),
      },
      signal,
    );
  }
}

/** A text of Jira's query language. */
function quoted(text: string): string {
  return JSON.stringify(text);
}

function errorsOf(answer: HttpAnswer): string {
  const { errorMessages, errors } = answerFields(answer);
  const messages = Array.isArray(errorMessages) ? errorMessages.map(String) : [];
  const ofFields = Object.entries(objectFields(errors)).map(
    ([field, message]) => `${field}: ${String(message)}`,
  );
  return [...messages, ...ofFields].join("; ") || shownAnswer(answer);
}
