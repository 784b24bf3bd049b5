import { Loader } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useApi } from "./api-context.ts";
import { CheckIcon } from "./icons.tsx";
import { Note } from "./note.tsx";
import type { Targets } from "./target-state.ts";

const POLL_MS = 1000;

/** What the first samples have to pass, in order. */
export function startSteps(targets: Targets | undefined): { text: string; done: boolean }[] {
  const active = targets?.active ?? [];
  const scraped = active.filter(({ lastScrapeMs }) => lastScrapeMs !== undefined).length;
  const up = active.filter(({ health }) => health === "up").length;
  return [
    { text: "The server answers", done: targets !== undefined },
    {
      text:
        active.length === 0
          ? "Finding targets"
          : `${active.length} target${active.length === 1 ? "" : "s"} found`,
      done: active.length > 0,
    },
    { text: `First scrape: ${scraped} of ${active.length} done, ${up} up`, done: up > 0 },
    { text: "Second scrape: a rate needs two samples", done: false },
  ];
}

/** Shown from the start until the first line can be drawn. */
export function FirstSamples() {
  const api = useApi();
  const { data } = useQuery({
    queryKey: ["targets"],
    queryFn: ({ signal }) => api.targets(signal),
    refetchInterval: POLL_MS,
  });
  const steps = startSteps(data);
  const current = steps.findIndex(({ done }) => !done);
  const allDown =
    data !== undefined &&
    data.active.length > 0 &&
    data.active.every(({ health }) => health === "down");
  return (
    <section
      className="card starting"
      aria-label="Waiting for the first samples"
      aria-live="polite"
    >
      <h2>Waiting for the first samples</h2>
      <div className="starting__bar" aria-hidden="true">
        <div style={{ width: `${((current + 0.5) / steps.length) * 100}%` }} />
      </div>
      <ol>
        {steps.map(({ text }, index) => {
          const step = index < current ? "done" : index === current ? "waiting" : "later";
          return (
            <li key={text} data-step={step}>
              <span className="starting__dot">
                {step === "done" ? <CheckIcon /> : step === "waiting" ? <Loader size={12} /> : "·"}
              </span>
              {text}
            </li>
          );
        })}
      </ol>
      {allDown && (
        <Note kind="warning">
          No target answers. <Link to="/targets">See why on the Targets page</Link>
        </Note>
      )}
      {data?.active.some(({ health }) => health === "up") && (
        <p className="dim">
          If no host metrics (node_cpu_seconds_total) are scraped here, this stays: type a query
          above.
        </p>
      )}
    </section>
  );
}
