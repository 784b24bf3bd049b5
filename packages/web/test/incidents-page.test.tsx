import { fireEvent, screen, waitFor, within } from "@testing-library/react";
import { expect, test } from "vitest";
import { FakeServer, failure, success } from "./fake-server.ts";
import { openPage } from "./open-page.tsx";
import { INCIDENT_DETAIL, incident, RULES } from "./samples.ts";

const THREE = [
  incident("old", {
    status: "acknowledged",
    acknowledgement: {
      by: "Ann",
      comment: "on it",
      at: "2026-11-21T11:50:00Z",
      until: "2026-11-21T14:00:00Z",
      covers: [],
    },
  }),
  incident("low", { priority: "P3", severity: "info", rules: ["Slow"] }),
  incident("high", { rules: ["ApiDown", "ApiSlow"] }),
];

function listServer(incidents: readonly object[] = THREE, cursor?: string): FakeServer {
  return new FakeServer()
    .on("rules", success(RULES))
    .on("incidents", success(cursor === undefined ? { incidents } : { incidents, cursor }));
}

const detailServer = () =>
  listServer()
    .on("incidents/aa11", success(INCIDENT_DETAIL))
    .on("incidents/aa11/acknowledge", success(incident("aa11")))
    .on("incidents/aa11/comment", success(incident("aa11")))
    .on("alerts/rules", []);

function press(key: string): void {
  fireEvent.keyDown(document.activeElement ?? document.body, { key });
}

async function names(): Promise<(string | null)[]> {
  const rows = (await screen.findAllByRole("row")).slice(1);
  return rows.map((row) => within(row).getByRole("link").textContent);
}

test("what nobody is at and what is urgent is on top, with who is at the others", async () => {
  await openPage("/incidents?tz=utc", listServer());
  expect(await names()).toEqual(["ApiDown, ApiSlow", "Slow", "DiskFull"]);
  const [, , , last] = screen.getAllByRole("row");
  expect(last?.textContent).toContain("Ann until 14:00on it");
  expect(last?.textContent).toContain("2×, 1 failed");
  expect(last?.textContent).toContain("30m");
});

test("filters are in the URL and in the question to the server", async () => {
  const server = listServer();
  const page = await openPage("/incidents?status=resolved&q=team%3Dstorage&from=now-1d", server);
  await names();
  expect(Object.fromEntries(server.queriesOf("incidents").at(-1) ?? [])).toEqual({
    status: "resolved",
    "match[]": '{team="storage"}',
    start: String(Date.parse("2026-11-20T12:00:00Z") / 1000),
  });
  fireEvent.click(screen.getByRole("button", { name: "All" }));
  await waitFor(() => expect(page.url()).toContain("status=all"));
  fireEvent.click(screen.getByRole("button", { name: "P2" }));
  await waitFor(() =>
    expect(page.url()).toBe("/incidents?status=all&priority=P2&q=team%3Dstorage&from=now-1d"),
  );
});

test("a list that goes on has a page behind it, and a new filter begins at its first", async () => {
  const server = listServer(THREE, "c1");
  const page = await openPage("/incidents?status=all", server);
  fireEvent.click(await screen.findByRole("button", { name: "Older" }));
  await waitFor(() => expect(page.url()).toBe("/incidents?status=all&cursor=c1"));
  expect(server.queriesOf("incidents").at(-1)?.get("cursor")).toBe("c1");
  fireEvent.click(screen.getByRole("button", { name: "Firing" }));
  await waitFor(() => expect(page.url()).toBe("/incidents?status=firing"));
});

test("of hundreds that are open the most urgent is on top, however old, and the rest is a click away", async () => {
  const some = Array.from({ length: 120 }, (_, at) =>
    incident(`i${at}`, { priority: at === 119 ? "P1" : "P3", rules: [`Rule${at}`] }),
  );
  const server = listServer(some);
  await openPage("/incidents", server);
  expect((await names())[0]).toBe("Rule119");
  screen.getByText("120 firing");
  expect(screen.getAllByRole("row")).toHaveLength(101);
  expect(server.queriesOf("incidents").at(-1)?.get("limit")).toBe("1000");
  fireEvent.click(screen.getByRole("button", { name: "20 more, less urgent" }));
  expect(screen.getAllByRole("row")).toHaveLength(121);
});

test("without incidents the list says whether that is good news", async () => {
  await openPage("/incidents", listServer([]));
  await screen.findByText(/Nothing is wrong/);
});

test("j and k move through the list, and a acknowledges what they stand on", async () => {
  await openPage("/incidents", listServer());
  await names();
  press("j");
  press("j");
  expect(document.activeElement?.textContent).toBe("Slow");
  press("k");
  expect(document.activeElement?.textContent).toBe("ApiDown, ApiSlow");
  press("a");
  await screen.findByRole("dialog", { name: "Acknowledge: ApiDown, ApiSlow" });
  fireEvent.click(screen.getByRole("button", { name: "Cancel" }));
  await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
  expect(document.activeElement?.textContent).toBe("ApiDown, ApiSlow");
});

test("a, a comment and Enter acknowledge; who did it is remembered", async () => {
  localStorage.setItem("pharos.author", "Ann");
  const server = detailServer();
  await openPage("/incidents/aa11", server);
  await screen.findByRole("heading", { name: "DiskFull", level: 1 });
  press("a");
  const comment = await screen.findByRole("textbox", { name: /Comment/ });
  fireEvent.change(comment, { target: { value: "on it" } });
  fireEvent.click(screen.getByRole("button", { name: "2h" }));
  fireEvent.keyDown(comment, { key: "Enter" });
  await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
  expect(server.sentTo("incidents/aa11/acknowledge")).toEqual([
    { by: "Ann", comment: "on it", expires_in: "7200" },
  ]);
});

test("nobody acknowledges without a name, and a refusal is shown and loses nothing", async () => {
  const server = detailServer().on("incidents/aa11/acknowledge", failure("conflict", "it is over"));
  await openPage("/incidents/aa11", server);
  fireEvent.click(await screen.findByRole("button", { name: "Acknowledge" }));
  const dialog = within(await screen.findByRole("dialog"));
  const button = dialog.getByRole<HTMLButtonElement>("button", { name: "Acknowledge" });
  expect(button.disabled).toBe(true);
  fireEvent.change(dialog.getByRole("textbox", { name: /You are/ }), { target: { value: "Eve" } });
  fireEvent.click(button);
  expect((await dialog.findByRole("alert")).textContent).toContain("it is over");
  expect(dialog.getByRole<HTMLInputElement>("textbox", { name: /You are/ }).value).toBe("Eve");
  expect(localStorage.getItem("pharos.author")).toBe("Eve");
});

test("the timeline has transitions and attempts, each notification once, and kinds that it does not know", async () => {
  await openPage("/incidents/aa11?tz=utc", detailServer());
  const timeline = within(await screen.findByRole("region", { name: "Timeline" }));
  const texts = timeline.getAllByRole("listitem").map((item) => item.textContent);
  expect(texts).toEqual([
    "Ann acknowledged it until 2026-11-21 14:0011:55:00 5m ago",
    "BenLooking at it.11:50:00 10m ago",
    "from the future11:40:00 20m ago",
    "Notified pagers/webhook[0] at attempt 21 failed attempt11:30:10 connection refused11:30:40 29m 20s ago",
    'Opened: DiskFull{instance="db-1", team="storage"} fires11:30:02 29m 58s ago',
  ]);
});

test("a long story begins with its end, and the log of incidents before is no part of it", async () => {
  const older = INCIDENT_DETAIL.deliveries.map((delivery) => ({
    ...delivery,
    key: "before",
    at: "2026-11-21T11:00:00.000Z",
  }));
  const comments = Array.from({ length: 40 }, (_, index) => ({
    sequence: index + 1,
    at: "2026-11-21T11:50:00.000Z",
    kind: "commented",
    status: "firing",
    detail: { by: "Ben", comment: `${index}` },
  }));
  const detail = { ...INCIDENT_DETAIL, timeline: comments, deliveries: older };
  await openPage("/incidents/aa11", detailServer().on("incidents/aa11", success(detail)));
  const timeline = within(await screen.findByRole("region", { name: "Timeline" }));
  expect(timeline.getAllByRole("listitem")).toHaveLength(30);
  fireEvent.click(timeline.getByRole("button", { name: "10 older" }));
  expect(timeline.getAllByRole("listitem")).toHaveLength(40);
});

test("an incident shows its alerts, what mutes them and what comes next; its texts are no markup", async () => {
  await openPage("/incidents/aa11", detailServer());
  const alerts = within(await screen.findByRole("region", { name: "Alerts" }));
  const rows = alerts.getAllByRole("row").map((row) => row.textContent);
  expect(rows[1]).toBe(
    "firinginstance=db-1severity=critical<b>db-1</b> is 93% full muted by the silence 1234567830m ago–",
  );
  expect(rows[2]).toContain("resolvedinstance=db-2");
  expect(screen.getByText(/next in 10m/).textContent).toContain("step 1 taken");
});

test("silence is prefilled with what the alerts that fire have in common", async () => {
  await openPage("/incidents/aa11", detailServer());
  const link = await screen.findByRole("link", { name: "Silence" });
  const { searchParams } = new URL(link.getAttribute("href") ?? "", "http://localhost");
  expect(searchParams.get("matchers")).toBe(
    'alertname="DiskFull",instance="db-1",severity="critical",team="storage"',
  );
});

test("an incident that is not there is said to be gone", async () => {
  const server = new FakeServer().on("incidents/gone", failure("not_found", "no such incident"));
  await openPage("/incidents/gone", server);
  await screen.findByText("There is no incident gone (any more).");
});
