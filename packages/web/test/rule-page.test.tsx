import { fireEvent, screen, waitFor, within } from "@testing-library/react";
import { expect, test } from "vitest";
import { type AskedFor, FakeServer, failure, success } from "./fake-server.ts";
import { openPage } from "./open-page.tsx";
import { RULE_VERSIONS } from "./rule-versions-sample.ts";
import { alertRule, RULE_REPLAY, RULE_TEST, RULES } from "./samples.ts";

const server = () =>
  new FakeServer()
    .on("rules", success(RULES))
    .on("alerts/rules", [alertRule("off", { name: "Noisy", enabled: false })])
    .on("alerts/rules/r1", alertRule("r1"))
    .on("alerts/rules/r1/versions", RULE_VERSIONS)
    .on("alerts/rules/r1/disable", alertRule("r1", { enabled: false }))
    .on("alerts/test", ({ text, query }: AskedFor) => {
      if (text.includes("oops")) return failure("bad_data", "rule:2:7: expr: unknown function");
      return query.has("replay") ? { ...RULE_TEST, replay: RULE_REPLAY } : RULE_TEST;
    });

const verdict = async () => within(await screen.findByRole("region", { name: "What it would do" }));

test("a rule is tested as it is typed, with what is wrong and where, and not saved while it is wrong", async () => {
  localStorage.setItem("pharos.author", "Ann");
  const fake = server();
  const page = await openPage("/alerts/new", fake);
  await (await verdict()).findByText("would fire now");
  const text = screen.getByRole("textbox", { name: /^Rule/ });
  const save = screen.getByRole<HTMLButtonElement>("button", { name: "Save" });
  fireEvent.change(text, { target: { value: "alert: X\nexpr: oops()" } });
  await (await verdict()).findByText("rule:2:7: expr: unknown function");
  expect(save.disabled).toBe(true);
  fireEvent.change(text, { target: { value: "alert: X\nexpr: up == 0" } });
  await (await verdict()).findByText("severity was not said");
  await waitFor(() => expect(save.disabled).toBe(false));
  fireEvent.click(save);
  await waitFor(() => expect(page.url()).toBe("/alerts"));
  const sent = fake.asked.find(({ method, path }) => method === "POST" && path === "alerts/rules");
  expect(sent?.text).toBe("alert: X\nexpr: up == 0");
  expect(sent?.query.get("author")).toBe("Ann");
});

test("a replay says how often it would have fired, when, and how many would have been told", async () => {
  await openPage("/alerts/new?tz=utc", server());
  fireEvent.click(await screen.findByRole("button", { name: "1 week" }));
  const card = await verdict();
  const count = await card.findByText(/it would have fired/);
  expect(count.textContent).toBe(
    "From 2026-11-20 12:00 on it would have fired 2 times, with 1 notification.",
  );
  expect(card.getAllByRole("listitem").map((item) => item.textContent)).toEqual([
    "firingalertname=HighLoadinstance=a12",
    "2026-11-21 06:05for 30minstance=a",
    "2026-11-21 11:05until nowinstance=b",
  ]);
});

test("a rule of the API is changed from the version that was seen, and switched off", async () => {
  localStorage.setItem("pharos.author", "Ann");
  const fake = server();
  await openPage("/alerts/r1", fake);
  await screen.findByText(/version 3 by Ben/);
  await (await verdict()).findByText("would fire now");
  fireEvent.click(screen.getByRole("button", { name: "Save" }));
  await waitFor(() => expect(fake.asked.some(({ method }) => method === "PUT")).toBe(true));
  expect(fake.asked.find(({ method }) => method === "PUT")?.query.get("version")).toBe("3");
});

test("a rule that is switched off is found below the others", async () => {
  const fake = server();
  const page = await openPage("/alerts", fake);
  const off = within(await screen.findByRole("region", { name: "Switched off" }));
  fireEvent.click(off.getByRole("link", { name: "Noisy" }));
  await waitFor(() => expect(page.url()).toBe("/alerts/off"));
});

test("what somebody else has changed meanwhile is not typed over", async () => {
  localStorage.setItem("pharos.author", "Ann");
  const fake = server().on("alerts/rules/r1", ({ method }: AskedFor) =>
    method === "PUT" ? failure("conflict", "it is version 4 by now") : alertRule("r1"),
  );
  const page = await openPage("/alerts/r1", fake);
  await (await verdict()).findByText("would fire now");
  fireEvent.click(screen.getByRole("button", { name: "Save" }));
  expect((await screen.findByRole("alert")).textContent).toContain("it is version 4 by now");
  expect(page.url()).toBe("/alerts/r1");
});

test("a rule of a file is shown, and says where it is changed", async () => {
  const rule = alertRule("f1", {
    provenance: { source: "file", file: "/etc/rules.yml", group: "hosts" },
  });
  await openPage("/alerts/f1", server().on("alerts/rules/f1", rule));
  const note = await screen.findByText(/it cannot be edited here/);
  expect(note.textContent).toContain("in the group hosts of /etc/rules.yml");
  expect(screen.getByText(/expr: node_load1 > 10/).textContent).toContain("severity: warning");
  expect(screen.queryByRole("button", { name: "Save" })).toBeNull();
  expect(screen.queryByRole("region", { name: "Versions" })).toBeNull();
});

test("versions say who changed what, what changed has an address, and two others can be compared", async () => {
  const page = await openPage("/alerts/r1?tz=utc", server());
  const card = within(await screen.findByRole("region", { name: "Versions" }));
  const rows = card.getAllByRole("row").slice(1);
  expect(rows.map((row) => within(row).getAllByRole("cell")[3]?.textContent)).toEqual([
    "2026-11-20 10:00:00 1d 2h ago",
    "2026-11-19 10:00:00 2d 2h ago",
    "2026-11-18 10:00:00 3d 2h ago",
  ]);
  expect(card.queryByRole("button", { name: "Restore version 3" })).toBeNull();
  expect(card.queryByRole("button", { name: "Changes of version 1" })).toBeNull();
  fireEvent.click(card.getByRole("button", { name: "Changes of version 3" }));
  const diff = within(await card.findByRole("region", { name: "What changed" }));
  await waitFor(() => expect(page.url()).toContain("compare=2..3"));
  expect(diff.getAllByRole("deletion").map(({ textContent }) => textContent)).toEqual([
    "- # switched off\n",
    "- expr: node_load1 > 5\n",
  ]);
  expect(diff.getAllByRole("insertion").map(({ textContent }) => textContent)).toEqual([
    "+ expr: node_load1 > 10\n",
  ]);
  fireEvent.change(diff.getByRole("combobox", { name: "From version" }), {
    target: { value: "3" },
  });
  await diff.findByText("The rule is the same.");
});

test("an old version is restored by name, and the editor has it then", async () => {
  localStorage.setItem("pharos.author", "Ann");
  let current = alertRule("r1");
  const fake = server()
    .on("alerts/rules/HighLoad", () => current)
    .on("alerts/rules/r1/rollback", () => {
      current = alertRule("r1", { version: 4, written: "alert: HighLoad\nexpr: node_load1 > 5\n" });
      return current;
    });
  await openPage("/alerts/HighLoad", fake);
  fireEvent.click(await screen.findByRole("button", { name: "Restore version 1" }));
  const dialog = within(await screen.findByRole("dialog"));
  fireEvent.change(dialog.getByRole("textbox", { name: /^Why/ }), {
    target: { value: "too calm" },
  });
  fireEvent.click(dialog.getByRole("button", { name: "Restore" }));
  await screen.findByText(/version 4 by Ben/);
  expect(fake.sentTo("alerts/rules/r1/rollback")).toEqual([
    { version: 1, author: "Ann", comment: "too calm" },
  ]);
  const text = screen.getByRole<HTMLTextAreaElement>("textbox", { name: /^Rule/ });
  expect(text.value).toContain("node_load1 > 5");
});

test("a rule that was deleted still has its versions, and can be had back", async () => {
  const [newest] = RULE_VERSIONS;
  const fake = server()
    .on("alerts/rules/gone", failure("not_found", 'there is no rule "gone"'))
    .on("alerts/rules/gone/versions", [
      { ...newest, version: 4, action: "deleted" },
      ...RULE_VERSIONS,
    ]);
  await openPage("/alerts/gone", fake);
  await screen.findByText("There is no rule gone (any more).");
  const card = within(await screen.findByRole("region", { name: "Versions" }));
  card.getByRole("button", { name: "Restore version 3" });
  expect(card.queryByRole("button", { name: "Restore version 4" })).toBeNull();
});

test("a rule that was sent as JSON is edited in lines, without who wrote it", async () => {
  const written = '{"alert":"HighLoad","expr":"up","author":"Zoe","comment":"first","version":2}';
  await openPage("/alerts/r1", server().on("alerts/rules/r1", alertRule("r1", { written })));
  const text = await screen.findByRole<HTMLTextAreaElement>("textbox", { name: /^Rule/ });
  expect(JSON.parse(text.value)).toEqual({ alert: "HighLoad", expr: "up" });
  expect(text.value.split("\n")).toHaveLength(4);
});
