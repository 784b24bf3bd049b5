import { useMemo, useState } from "react";
import {
  BellOffIcon,
  CheckIcon,
  CommentIcon,
  ErrorIcon,
  FireIcon,
  HandIcon,
  InfoIcon,
  SendIcon,
  StairsIcon,
} from "./icons.tsx";
import type { IncidentDetail } from "./incident-state.ts";
import { type TimelineItem, type TimelineLook, timelineItems } from "./incident-timeline.ts";
import { formatAge, formatDateTime } from "./time-format.ts";
import type { TimeZone } from "./time-zone.ts";

const LOOKS = {
  fire: { tone: "red", Icon: FireIcon },
  calm: { tone: "green", Icon: CheckIcon },
  hand: { tone: "blue", Icon: HandIcon },
  send: { tone: "grey", Icon: SendIcon },
  failed: { tone: "red", Icon: ErrorIcon },
  escalate: { tone: "amber", Icon: StairsIcon },
  hush: { tone: "grey", Icon: BellOffIcon },
  comment: { tone: "blue", Icon: CommentIcon },
  note: { tone: "grey", Icon: InfoIcon },
} as const satisfies Record<TimelineLook, object>;

/** A long story begins with its end; the rest is one click away. */
const SHOWN_AT_FIRST = 30;

/** All that happened, the newest on top. */
export function Timeline(props: { incident: IncidentDetail; nowMs: number; zone: TimeZone }) {
  const { incident, nowMs, zone } = props;
  const [whole, setWhole] = useState(false);
  const items = useMemo(() => timelineItems(incident, zone), [incident, zone]);
  const shown = whole ? items : items.slice(0, SHOWN_AT_FIRST);
  return (
    <section className="card" aria-label="Timeline">
      <div className="card__head">
        <h2>Timeline</h2>
      </div>
      <ol className="timeline">
        {shown.map((item) => (
          <TimelineLine key={item.key} item={item} nowMs={nowMs} zone={zone} />
        ))}
      </ol>
      {items.length > shown.length && (
        <div className="timeline__more">
          <button type="button" className="filter" onClick={() => setWhole(true)}>
            {items.length - shown.length} older
          </button>
        </div>
      )}
      {incident.hasMore && items.length === shown.length && (
        <p className="empty">Only the newest; the API has all of them.</p>
      )}
    </section>
  );
}

function TimelineLine({
  item,
  nowMs,
  zone,
}: {
  item: TimelineItem;
  nowMs: number;
  zone: TimeZone;
}) {
  const { tone, Icon } = LOOKS[item.look];
  const failures = item.attempts.filter(({ error }) => error !== "");
  const at = formatDateTime(item.atMs, zone);
  return (
    <li className="timeline__item">
      <span className={`timeline__mark chip--${tone}`}>
        <Icon size={12} />
      </span>
      <div className="timeline__text">
        {item.text}
        {item.remark !== "" && <div className="timeline__remark">{item.remark}</div>}
        {failures.length > 0 && (
          <details>
            <summary>
              {failures.length === 1 ? "1 failed attempt" : `${failures.length} failed attempts`}
            </summary>
            {failures.map((failure) => (
              <div key={`${failure.key}/${failure.attempt}`} className="incident__summary">
                <b>{formatDateTime(failure.atMs, zone).slice(11)}</b> {failure.error}
              </div>
            ))}
          </details>
        )}
      </div>
      <time className="timeline__at" title={at} dateTime={new Date(item.atMs).toISOString()}>
        {at.slice(11)}
        <span className="dim"> {formatAge(nowMs - item.atMs)} ago</span>
      </time>
    </li>
  );
}
