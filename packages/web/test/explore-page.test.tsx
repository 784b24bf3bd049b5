import { act, fireEvent, screen, waitFor, within } from "@testing-library/react";
import { expect, test } from "vitest";
// Loaded here, so that no test waits for it: the page itself fetches it when it has drawn the rest.
import "../src/promql-editor.ts";
import { FakeServer, failure, success } from "./fake-server.ts";
import { NOW_MS, openPage } from "./open-page.tsx";
import { TARGETS } from "./samples.ts";

const NOW_SEC = NOW_MS / 1000;

function matrix(...modes: string[]): object {
  return success({
    resultType: "matrix",
    result: modes.map((mode, at) => ({
      metric: { mode },
      values: [
        [NOW_SEC - 60, String(at + 1)],
        [NOW_SEC, String(at + 2)],
      ],
    })),
  });
}

/** The editor, once CodeMirror has come. */
async function editorText(): Promise<string | null> {
  const line = await waitFor(() => {
    const found = document.querySelector(".cm-line");
    if (found === null) throw new Error("no editor yet");
    return found;
  });
  return line.textContent;
}

test("an expression in the URL is in the editor, is asked, and its series are in the legend", async () => {
  const server = new FakeServer().on("query_range", matrix("user", "system"));
  await openPage("/?g0.expr=avg(x)&from=now-1h&to=now", server);
  const legend = await screen.findByRole("region", { name: "Series" });
  expect(
    within(legend)
      .getAllByRole("row")
      .map((row) => row.textContent),
  ).toEqual(["Seriesunder the pointerlast ↓minmaxavg", "system3232.5", "user2121.5"]);
  expect(await editorText()).toBe("avg(x)");
  screen.getByText("step 15s · 2 series · 0 ms · 4 points");
  const [form] = server.formsOf("query_range");
  expect(Object.fromEntries(form ?? [])).toEqual({
    query: "avg(x)",
    start: String(NOW_SEC - 3600),
    end: String(NOW_SEC),
    step: "15",
  });
});

test("an error of the query names its place, and the editor marks it", async () => {
  const server = new FakeServer().on(
    "query_range",
    failure("bad_data", 'invalid parameter "query": 1:5: parse error: unexpected identifier "foo"'),
  );
  await openPage("/?g0.expr=sum+foo", server);
  const alert = await screen.findByRole("alert");
  expect(alert.textContent).toContain("The expression is not valid, line 1, column 5:");
  expect(alert.textContent).toContain('unexpected identifier "foo"');
  expect(alert.querySelector("pre")?.textContent).toBe("sum foo\n    ^^^");
  await editorText();
  await waitFor(() => expect(document.querySelector(".cm-server-error")?.textContent).toBe("foo"));
});

test("warnings and infos stand beside the answer", async () => {
  const server = new FakeServer().on("query_range", {
    ...matrix("user"),
    warnings: ["a part was not reachable"],
    infos: ["metric might not be a counter"],
  });
  await openPage("/?g0.expr=x", server);
  expect(
    (await screen.findByText("a part was not reachable")).closest("[role=note]"),
  ).not.toBeNull();
  screen.getByText("metric might not be a counter");
});

test("a click on a series shows it alone, and a second click shows all again", async () => {
  const server = new FakeServer().on("query_range", matrix("user", "system", "idle"));
  await openPage("/?g0.expr=x", server);
  const pressed = () =>
    screen.getAllByRole("button", { pressed: true }).map((button) => button.textContent);
  fireEvent.click(await screen.findByRole("button", { name: "system" }));
  expect(pressed()).toEqual(["system"]);
  fireEvent.click(screen.getByRole("button", { name: "system" }));
  expect(pressed()).toEqual(["idle", "system", "user"]);
});

test("the tab is in the URL, and the table shows every digit", async () => {
  const server = new FakeServer().on("query_range", matrix("user")).on(
    "query",
    success({
      resultType: "vector",
      result: [{ metric: { __name__: "up" }, value: [1, "0.1000000001"] }],
    }),
  );
  const page = await openPage("/?g0.expr=up", server);
  fireEvent.click(await screen.findByRole("tab", { name: "Table" }));
  await screen.findByText("0.1000000001");
  expect(page.url()).toContain("g0.tab=table");
  expect(server.formsOf("query")[0]?.get("time")).toBe(String(NOW_SEC));
});

test("the plan of a query is a tab, in the URL, asked for the range and step of the graph", async () => {
  const text = "range query\n\nselect  (241 steps)\n  up";
  const server = new FakeServer()
    .on("query_range", matrix("user"))
    .on("query_explain", success({ text, plan: {} }, { warnings: ["it would read very much"] }));
  const page = await openPage("/?g0.expr=up&from=now-1h&to=now", server);
  fireEvent.click(await screen.findByRole("tab", { name: "Explain" }));
  const plan = await screen.findByText(/select \(241 steps\)/);
  expect(plan.textContent).toBe(text);
  screen.getByText("it would read very much");
  expect(page.url()).toContain("g0.tab=explain");
  expect(Object.fromEntries(server.formsOf("query_explain")[0] ?? [])).toEqual({
    query: "up",
    start: String(NOW_SEC - 3600),
    end: String(NOW_SEC),
    step: "15",
  });
});

test("where no plan can be made the page says why", async () => {
  const server = new FakeServer().on(
    "query_explain",
    failure("bad_data", 'invalid parameter "query": 1:3: parse error: unexpected end of input'),
  );
  await openPage("/?g0.expr=up-&g0.tab=explain", server);
  const alert = await screen.findByRole("alert");
  expect(alert.textContent).toContain("unexpected end of input");
  expect(screen.queryByText("Waiting for the answer …")).toBeNull();
});

test("a preset of the picker becomes the range of the URL and of the query", async () => {
  const server = new FakeServer().on("query_range", matrix("user"));
  const page = await openPage("/?g0.expr=up", server);
  fireEvent.click(await screen.findByRole("button", { name: "Last 1h" }));
  fireEvent.click(await screen.findByRole("button", { name: "Last 6h" }));
  await waitFor(() => expect(page.url()).toContain("from=now-6h&to=now"));
  await waitFor(() =>
    expect(server.formsOf("query_range").at(-1)?.get("start")).toBe(String(NOW_SEC - 6 * 3600)),
  );
});

test("a range that is none is explained and not applied", async () => {
  const page = await openPage("/?g0.expr=up", new FakeServer());
  fireEvent.click(await screen.findByRole("button", { name: "Last 1h" }));
  const from = await screen.findByLabelText(/^From/);
  fireEvent.change(from, { target: { value: "last week" } });
  // Without layout the popover believes that its button has left the screen, and hides.
  fireEvent.click(await screen.findByRole("button", { name: "Apply", hidden: true }));
  await screen.findByText(/^Not a time/);
  expect(page.url()).not.toContain("from=");
});

test("queries are added and removed in the URL", async () => {
  const page = await openPage("/?g0.expr=up&g1.expr=down", new FakeServer());
  fireEvent.click(await screen.findByRole("button", { name: "Remove query 1" }));
  await waitFor(() => expect(page.url()).toContain("g0.expr=down"));
  expect(page.url()).not.toContain("g1.expr");
  fireEvent.click(screen.getByRole("button", { name: "Add query" }));
  await waitFor(() => expect(page.url()).toContain("g1.expr="));
});

test("a link of a Prometheus alert opens its expression", async () => {
  const page = await openPage("/graph?g0.expr=up+%3D%3D+0&g0.tab=1", new FakeServer());
  await waitFor(() => expect(page.url()).toBe("/?g0.expr=up+%3D%3D+0&g0.tab=table"));
});

test("without a query the page draws this machine", async () => {
  const server = new FakeServer().on("query_range", matrix("user", "system"));
  await openPage("/", server);
  for (const title of ["CPU by mode", "Memory", "Load"])
    await screen.findByRole("region", { name: title });
  const exprs = server.formsOf("query_range").map((form) => form.get("query"));
  expect(exprs).toContain('avg by (mode) (rate(node_cpu_seconds_total{mode!="idle"}[1m])) * 100');
});

test("until the first samples the page says how far they are", async () => {
  const server = new FakeServer().on("targets", success(TARGETS));
  await openPage("/", server);
  const steps = within(
    await screen.findByRole("region", { name: "Waiting for the first samples" }),
  );
  await steps.findByText("3 targets found");
  steps.getByText("First scrape: 3 of 3 done, 2 up");
});

test("a failed refresh keeps the last answer beside its error", async () => {
  let broken = false;
  const server = new FakeServer().on("query_range", () =>
    broken ? failure("timeout", "query timed out") : matrix("user"),
  );
  await openPage("/?g0.expr=x", server);
  await screen.findByRole("region", { name: "Series" });
  broken = true;
  await act(async () => {
    fireEvent.click(screen.getByRole("button", { name: "Refresh" }));
  });
  expect((await screen.findByRole("alert")).textContent).toContain("query timed out");
  screen.getByRole("region", { name: "Series" });
});
