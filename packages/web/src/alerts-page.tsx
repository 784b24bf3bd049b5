import "./alerts-page.css";
import { Button } from "@mantine/core";
import { formatDuration, labelsKey } from "@pharos/base";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useMemo } from "react";
import {
  type AlertFilter,
  countRules,
  filterGroups,
  readAlertFilter,
  writeAlertFilter,
} from "./alert-filter.ts";
import { RuleRow } from "./alert-rule-row.tsx";
import { AlertsNav } from "./alerts-nav.tsx";
import { useApi } from "./api-context.ts";
import { useCommand } from "./commands.tsx";
import { FilterButton, toggled } from "./filter-button.tsx";
import { RULES_REFRESH_MS } from "./frame.tsx";
import { CheckIcon, ClockIcon, ErrorIcon, FireIcon, PlusIcon } from "./icons.tsx";
import { QueryError } from "./query-error.tsx";
import { countFiring, type RuleGroup } from "./rule-state.ts";
import { SearchField } from "./search-field.tsx";
import { SwitchedOffRules } from "./switched-off-rules.tsx";
import { formatAge } from "./time-format.ts";
import { useKeptParams, useTimeZone, useUrlState } from "./url-state.ts";
import { useNow } from "./use-now.ts";

/** Up to so many firing alerts their rules are open at once; beyond, the list itself is the message. */
const OPEN_ALERTS_MAX = 20;

const STATE_FILTERS = [
  { state: "firing", name: "Firing", tone: "red", icon: <FireIcon /> },
  { state: "pending", name: "Pending", tone: "amber", icon: <ClockIcon /> },
  { state: "inactive", name: "Inactive", tone: "green", icon: <CheckIcon /> },
] as const;

/** All rules by group, what fires on top. */
export function AlertsPage() {
  const api = useApi();
  const kept = useKeptParams();
  const [filter, setFilter] = useUrlState(readAlertFilter, writeAlertFilter);
  const { data, error, refetch } = useQuery({
    queryKey: ["rules"],
    queryFn: ({ signal }) => api.rules(signal),
    refetchInterval: RULES_REFRESH_MS,
  });
  useCommand("refresh", () => void refetch());
  const counts = useMemo(() => countRules(data ?? []), [data]);

  return (
    <>
      <AlertsNav />
      <main className="page">
        <div className="page__bar">
          <h1>Rules</h1>
          <div className="filters">
            {STATE_FILTERS.map(({ state, name, tone, icon }) => (
              <FilterButton
                key={state}
                name={name}
                count={counts[state]}
                tone={tone}
                icon={icon}
                pressed={filter.states.includes(state)}
                onClick={() => setFilter({ ...filter, states: toggled(filter.states, state) })}
              />
            ))}
            <FilterButton
              name="Failing"
              count={counts.failing}
              tone="red"
              icon={<ErrorIcon />}
              pressed={filter.failing}
              onClick={() => setFilter({ ...filter, failing: !filter.failing })}
            />
          </div>
          <div className="page__spring" />
          <SearchField
            label="Search rules and labels"
            text={filter.text}
            onChange={(text) => setFilter({ ...filter, text }, { replace: true })}
          />
          <Button
            size="compact-md"
            leftSection={<PlusIcon />}
            renderRoot={(props) => (
              <Link to="/alerts/$id" params={{ id: "new" }} search={kept} {...props} />
            )}
          >
            New rule
          </Button>
        </div>
        {error !== null && <QueryError error={error} expr="" />}
        {data === undefined ? (
          error === null && <div className="empty">Waiting for the rules …</div>
        ) : (
          <Groups groups={data} filter={filter} />
        )}
        <SwitchedOffRules />
      </main>
    </>
  );
}

function Groups({ groups, filter }: { groups: readonly RuleGroup[]; filter: AlertFilter }) {
  const nowMs = useNow(1000);
  const [zone] = useTimeZone();
  const shown = useMemo(() => filterGroups(groups, filter), [groups, filter]);
  const openFiring = countFiring(groups) <= OPEN_ALERTS_MAX;
  if (groups.length === 0)
    return (
      <div className="card empty">
        No rules. Write one here, or name rule files in the configuration.
      </div>
    );
  if (shown.length === 0) return <div className="card empty">No rule passes these filters.</div>;
  return shown.map((group) => (
    <section
      key={`${group.file}\n${group.name}`}
      className="card"
      aria-label={`Group ${group.name}`}
    >
      <div className="card__head">
        <h2>{group.name}</h2>
        <span className="dim mono">{group.file}</span>
        <div className="page__spring" />
        <span className="dim">
          every {formatDuration(group.intervalMs)}
          {group.lastEvaluationMs !== undefined &&
            ` · evaluated ${formatAge(nowMs - group.lastEvaluationMs)} ago in ${formatAge(group.evaluationMs)}`}
        </span>
      </div>
      {group.rules.map((rule) => (
        <RuleRow
          // A group may have two rules of one name, told apart by expression and labels.
          isOfApi={group.file.startsWith("api:")}
          key={`${rule.name}\n${rule.expr}\n${labelsKey(rule.labels)}`}
          rule={rule}
          opened={openFiring && rule.kind === "alerting" && rule.state === "firing"}
          nowMs={nowMs}
          zone={zone}
        />
      ))}
    </section>
  ));
}
