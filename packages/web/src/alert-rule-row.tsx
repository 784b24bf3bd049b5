import { formatDuration, labelValue } from "@pharos/base";
import { Link } from "@tanstack/react-router";
import { type ReactNode, useId, useState } from "react";
import { SeverityChip, StateChip } from "./alert-chips.tsx";
import { AnnotationValue } from "./annotation-value.tsx";
import { exploreLink } from "./explore-search.ts";
import { ChevronIcon, ErrorIcon, RecordIcon } from "./icons.tsx";
import { LabelChips } from "./label-chips.tsx";
import { Note } from "./note.tsx";
import type { ActiveAlert, AlertingRule, Rule } from "./rule-state.ts";
import { formatAge, formatDateTime } from "./time-format.ts";
import type { TimeZone } from "./time-zone.ts";
import { useKeptParams } from "./url-state.ts";
import { shortValue } from "./value-format.ts";

/** More instances of one rule than this are a list for the table of ALERTS, not for eyes. */
const INSTANCES_MAX = 200;

interface RuleRowProps {
  readonly rule: Rule;
  /** Made by the API, so that it can be changed here. */
  readonly isOfApi: boolean;
  readonly opened: boolean;
  readonly nowMs: number;
  readonly zone: TimeZone;
}

/** A rule: a line, and all there is to know of it below. */
export function RuleRow({ rule, isOfApi, opened, nowMs, zone }: RuleRowProps) {
  // Until the reader has chosen, what fires is open.
  const [choice, setChoice] = useState<boolean>();
  const open = choice ?? opened;
  const bodyId = useId();
  const severity = labelValue(rule.labels, "severity");
  return (
    <article className="rule" aria-label={rule.name}>
      <button
        type="button"
        className="rule__head"
        aria-expanded={open}
        aria-controls={bodyId}
        onClick={() => setChoice(!open)}
      >
        <span className="rule__chevron">
          <ChevronIcon />
        </span>
        <span>
          {rule.kind === "alerting" ? (
            <StateChip state={rule.state} />
          ) : (
            <span className="chip chip--grey">
              <RecordIcon size={12} />
              records
            </span>
          )}
        </span>
        <span className="rule__title">
          <span className="rule__name">{rule.name}</span>
          {severity !== "" && <SeverityChip severity={severity} />}
          {rule.health === "err" && (
            <span className="chip chip--red">
              <ErrorIcon size={12} />
              evaluation fails
            </span>
          )}
          <span className="rule__summary">{summaryOf(rule)}</span>
        </span>
        <span className="rule__side">{rule.kind === "alerting" && activeText(rule, nowMs)}</span>
      </button>
      {open && (
        <div className="rule__body" id={bodyId}>
          <RuleBody rule={rule} isOfApi={isOfApi} nowMs={nowMs} zone={zone} />
        </div>
      )}
    </article>
  );
}

/** The text of what fires, where there is one; it has the values filled in. */
function summaryOf(rule: Rule): string {
  if (rule.kind === "recording") return "";
  const [first] = rule.alerts;
  const find = (pairs: readonly (readonly [string, string])[]) =>
    pairs.find(([name]) => name === "summary")?.[1];
  return (
    (first === undefined ? undefined : find(first.annotations)) ?? find(rule.annotations) ?? ""
  );
}

function activeText(rule: AlertingRule, nowMs: number): string {
  const count = (state: ActiveAlert["state"]) =>
    rule.alerts.filter((alert) => alert.state === state).length;
  const parts: string[] = [];
  if (count("firing") > 0) parts.push(`${count("firing")} firing`);
  if (count("pending") > 0) parts.push(`${count("pending")} pending`);
  const oldestMs = Math.min(...rule.alerts.map(({ activeAtMs }) => activeAtMs ?? nowMs));
  if (parts.length > 0) parts.push(`for ${formatAge(nowMs - oldestMs)}`);
  return parts.join(" · ");
}

function RuleBody({ rule, isOfApi, nowMs, zone }: Omit<RuleRowProps, "opened">) {
  const kept = useKeptParams();
  return (
    <>
      {rule.lastError !== "" && (
        <Note kind="error" quiet>
          <b>The last evaluation failed:</b> {rule.lastError}
        </Note>
      )}
      {rule.kind === "alerting" && rule.alerts.length > 0 && (
        <Instances rule={rule} nowMs={nowMs} zone={zone} />
      )}
      <pre className="rule__expr">
        <Link to="/" search={{ ...exploreLink(rule.expr), ...kept }}>
          Explore
        </Link>
        {rule.expr}
      </pre>
      <dl className="facts">
        {rule.kind === "alerting" && <Fact name="for">{formatDuration(rule.forMs)}</Fact>}
        {rule.kind === "alerting" && rule.keepFiringForMs > 0 && (
          <Fact name="keep firing for">{formatDuration(rule.keepFiringForMs)}</Fact>
        )}
        {rule.labels.length > 0 && (
          <Fact name="labels">
            <LabelChips labels={rule.labels} />
          </Fact>
        )}
        {/* With active alerts the texts stand there, with their values filled in. */}
        {rule.kind === "alerting" && rule.alerts.length === 0 && (
          <Annotations pairs={rule.annotations} />
        )}
        <Fact name="from">
          {isOfApi ? (
            <>
              the API,{" "}
              <Link to="/alerts/$id" params={{ id: rule.name }} search={kept}>
                edit
              </Link>
            </>
          ) : (
            "a file, and changed there"
          )}
        </Fact>
        <Fact name="last evaluation">
          {rule.lastEvaluationMs === undefined
            ? "not yet"
            : `${formatAge(nowMs - rule.lastEvaluationMs)} ago, took ${formatAge(rule.evaluationMs)}`}
        </Fact>
      </dl>
    </>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  );
}

function Annotations({ pairs }: { pairs: readonly (readonly [string, string])[] }) {
  return pairs.map(([name, value]) => (
    <Fact key={name} name={name}>
      <AnnotationValue value={value} />
    </Fact>
  ));
}

function Instances({ rule, nowMs, zone }: { rule: AlertingRule; nowMs: number; zone: TimeZone }) {
  const shown = rule.alerts.slice(0, INSTANCES_MAX);
  return (
    <div className="rule__instances scroll-x">
      <table className="grid-table grid-table--folds">
        <thead>
          <tr>
            <th scope="col">State</th>
            <th scope="col">Labels</th>
            <th scope="col">Since</th>
            <th scope="col" className="num">
              Value
            </th>
          </tr>
        </thead>
        <tbody>
          {shown.map((alert, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: an answer is drawn as a whole.
            <tr key={index}>
              <td>
                <StateChip state={alert.state} />
              </td>
              <td>
                <LabelChips labels={alert.labels} without={["alertname"]} />
                {inReadingOrder(alert.annotations).map(([name, value]) => (
                  <div key={name} className="rule__says" title={name}>
                    <AnnotationValue value={value} />
                  </div>
                ))}
              </td>
              <td className="num" style={{ textAlign: "left" }}>
                {alert.activeAtMs === undefined ? (
                  "–"
                ) : (
                  <span title={formatDateTime(alert.activeAtMs, zone)}>
                    {formatAge(nowMs - alert.activeAtMs)} ago
                  </span>
                )}
              </td>
              <td className="num mono">{shortValue(alert.value)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {rule.alerts.length > shown.length && (
        <p className="empty">
          {rule.alerts.length - shown.length} more; query ALERTS{"{"}alertname="{rule.name}"{"}"}{" "}
          for all.
        </p>
      )}
    </div>
  );
}

/** The summary first, then the description, then the rest as the rule has them. */
function inReadingOrder<T extends readonly [string, string]>(pairs: readonly T[]): T[] {
  const rank = (name: string) => (name === "summary" ? 0 : name === "description" ? 1 : 2);
  return [...pairs].sort((a, b) => rank(a[0]) - rank(b[0]));
}
