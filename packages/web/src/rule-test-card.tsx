import { errorText, formatLabels } from "@pharos/base";
import type { RuleReplay, RuleTest } from "./alert-rules.ts";
import { Choice } from "./choice.tsx";
import { CheckIcon, ClockIcon, FireIcon } from "./icons.tsx";
import { LabelChips } from "./label-chips.tsx";
import { Note } from "./note.tsx";
import { timeBars } from "./time-bars.ts";
import { formatAge, formatShortDateTime } from "./time-format.ts";
import type { TimeZone } from "./time-zone.ts";
import { shortValue } from "./value-format.ts";

const REPLAYS = [
  { value: "", name: "Now only" },
  { value: "1d", name: "1 day" },
  { value: "1w", name: "1 week" },
  { value: "30d", name: "30 days" },
] as const;

/** Alerts and intervals that are listed; of the others the number is known. */
const SHOWN_MAX = 50;

/** What the rule would do now, and would have done. */
export function RuleTestCard(props: {
  test: RuleTest | undefined;
  error: Error | null;
  stale: boolean;
  replay: string;
  zone: TimeZone;
  onReplay: (replay: string) => void;
}) {
  const { error, onReplay, replay, stale, test, zone } = props;
  return (
    <section className="card" aria-label="What it would do" aria-busy={stale}>
      <div className="card__head">
        <h2>What it would do</h2>
        <Choice
          label="Replay"
          options={REPLAYS.map(({ name, value }) => ({ name, value: value as string }))}
          value={replay}
          onChange={onReplay}
        />
      </div>
      <div className="rule-test">
        {error !== null ? (
          <Note kind="error">
            <span className="rule-editor__error">{errorText(error)}</span>
          </Note>
        ) : (
          test !== undefined && <TestResult test={test} zone={zone} />
        )}
      </div>
    </section>
  );
}

function TestResult({ test, zone }: { test: RuleTest; zone: TimeZone }) {
  const pending = test.alerts.some(({ state }) => state === "pending");
  return (
    <>
      <div className="rule-test__verdict" role="status">
        {test.wouldFire ? (
          <span className="chip chip--red">
            <FireIcon size={12} />
            would fire now
          </span>
        ) : pending ? (
          <span className="chip chip--amber">
            <ClockIcon size={12} />
            would be pending now
          </span>
        ) : (
          <span className="chip chip--green">
            <CheckIcon size={12} />
            would not fire now
          </span>
        )}
        {test.value !== undefined && <span className="mono">{shortValue(test.value)}</span>}
      </div>
      <pre className="rule-editor__expr">{test.expr}</pre>
      {test.warnings.map((warning) => (
        <Note key={warning} kind="warning">
          {warning}
        </Note>
      ))}
      {test.alerts.length > 0 && (
        <ul className="rule-test__alerts">
          {test.alerts.slice(0, SHOWN_MAX).map((alert) => (
            <li key={formatLabels(alert.labels)}>
              <span className="dim">{alert.state}</span>
              <LabelChips labels={alert.labels} />
              <span className="mono">{shortValue(alert.value)}</span>
            </li>
          ))}
        </ul>
      )}
      {test.replay !== undefined && <ReplayResult replay={test.replay} zone={zone} />}
    </>
  );
}

function ReplayResult({ replay, zone }: { replay: RuleReplay; zone: TimeZone }) {
  const { firingCount, fromMs, intervals, isTruncated, notificationCount, toMs } = replay;
  const text = (ms: number) => formatShortDateTime(ms, zone);
  const bars = timeBars(
    intervals.map(({ startsAtMs, endsAtMs = toMs }) => ({ startsAtMs, endsAtMs })),
    fromMs,
    toMs,
  );
  return (
    <>
      <p className="rule-test__count">
        From {text(fromMs)} on it would have fired <b>{firingCount}</b>{" "}
        {firingCount === 1 ? "time" : "times"}, with <b>{notificationCount}</b>{" "}
        {notificationCount === 1 ? "notification" : "notifications"}.
        {isTruncated && " Not all of it is listed."}
      </p>
      <div className="replay" aria-hidden="true">
        {bars.map(({ leftPercent, widthPercent }, index) => (
          <span
            // biome-ignore lint/suspicious/noArrayIndexKey: an answer is drawn as a whole.
            key={index}
            className="replay__bar"
            style={{ left: `${leftPercent}%`, width: `max(2px, ${widthPercent}%)` }}
          />
        ))}
      </div>
      <div className="replay__ends dim" aria-hidden="true">
        <span>{text(fromMs)}</span>
        <span>now</span>
      </div>
      <ul className="rule-test__alerts">
        {intervals.slice(-SHOWN_MAX).map(({ endsAtMs, labels, startsAtMs }) => (
          <li key={`${startsAtMs} ${formatLabels(labels)}`}>
            <span className="incident__since">{text(startsAtMs)}</span>
            <span className="dim">
              {endsAtMs === undefined ? "until now" : `for ${formatAge(endsAtMs - startsAtMs)}`}
            </span>
            <LabelChips labels={labels} without={["alertname"]} />
          </li>
        ))}
      </ul>
    </>
  );
}
