import type { RouteJson } from "@pharos/api";
import { CheckIcon } from "./icons.tsx";

/** The tree of routes, the nodes that take the alert in question marked. */
export function RouteTree(props: {
  route: RouteJson;
  /** Time intervals in force. */
  active: ReadonlySet<string>;
  /** Key and receiver of the nodes that take the alert, a line each. */
  taken: ReadonlySet<string>;
}) {
  return (
    <section className="card" aria-label="Routes">
      <div className="card__head">
        <h2>Routes</h2>
        <span className="dim">The first that matches takes an alert, unless it says continue.</span>
      </div>
      <ul className="tree tree--root">
        <RouteNode {...props} parent={undefined} />
      </ul>
    </section>
  );
}

function RouteNode(props: {
  route: RouteJson;
  parent: RouteJson | undefined;
  active: ReadonlySet<string>;
  taken: ReadonlySet<string>;
}) {
  const { active, parent, route, taken } = props;
  const isTaken = taken.has(`${route.key}\n${route.receiver}`);
  return (
    <li>
      <div className="tree__node" data-taken={isTaken || undefined}>
        <div className="tree__line">
          <span className="labels">
            {route.matchers.length === 0 ? (
              <span className="dim">every alert</span>
            ) : (
              route.matchers.map((matcher) => (
                <span key={matcher} className="label">
                  {matcher}
                </span>
              ))
            )}
          </span>
          <span aria-hidden="true">→</span>
          <b>{route.receiver}</b>
          {isTaken && (
            <span className="chip chip--blue">
              <CheckIcon size={12} />
              takes it
            </span>
          )}
          {route.continue && <span className="chip chip--grey">continue</span>}
        </div>
        <div className="tree__facts">
          {differences(route, parent).join(" · ")}
          {route.muteTimeIntervals.map((name) => (
            <IntervalChip key={name} name={name} word="muted in" on={active.has(name)} bad />
          ))}
          {route.activeTimeIntervals.map((name) => (
            <IntervalChip key={name} name={name} word="only in" on={active.has(name)} bad={false} />
          ))}
        </div>
      </div>
      {route.routes.length > 0 && (
        <ul className="tree">
          {route.routes.map((child) => (
            <RouteNode key={child.id} route={child} parent={route} active={active} taken={taken} />
          ))}
        </ul>
      )}
    </li>
  );
}

/** Whether a time interval is in force, and whether that keeps people from being told. */
function IntervalChip(props: { name: string; word: string; on: boolean; bad: boolean }) {
  const mutes = props.on === props.bad;
  return (
    <span className={`chip chip--${mutes ? "amber" : "grey"}`}>
      {props.word} {props.name}: {props.on ? "now" : "not now"}
    </span>
  );
}

/** What a node says otherwise than the one above it. */
function differences(route: RouteJson, parent: RouteJson | undefined): string[] {
  const texts: string[] = [];
  const groupBy = route.groupBy.join(", ");
  if (parent === undefined || groupBy !== parent.groupBy.join(", "))
    texts.push(groupBy === "" ? "one group" : `by ${groupBy}`);
  if (route.groupWait !== parent?.groupWait) texts.push(`waits ${route.groupWait}`);
  if (route.groupInterval !== parent?.groupInterval)
    texts.push(`changes after ${route.groupInterval}`);
  if (route.repeatInterval !== parent?.repeatInterval)
    texts.push(`again after ${route.repeatInterval}`);
  return texts;
}
