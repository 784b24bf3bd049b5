import { fireEvent, screen, waitFor, within } from "@testing-library/react";
import { expect, test } from "vitest";
import { FakeServer, success } from "./fake-server.ts";
import { openPage } from "./open-page.tsx";
import { RULES } from "./samples.ts";

const server = () => new FakeServer().on("rules", success(RULES));

async function ruleNames(): Promise<(string | null)[]> {
  await screen.findByRole("heading", { name: "Rules" });
  return (await screen.findAllByRole("article")).map((rule) => rule.getAttribute("aria-label"));
}

test("the state in the URL filters the rules, and a click on a state writes it there", async () => {
  const page = await openPage("/alerts?state=pending", server());
  expect(await ruleNames()).toEqual(["HighCpu"]);
  fireEvent.click(screen.getByRole("button", { name: /^Firing/ }));
  await waitFor(() => expect(page.url()).toBe("/alerts?state=pending,firing"));
  expect(await ruleNames()).toEqual(["TargetDown", "HighCpu"]);
});

test("a search finds a label of an active alert and is in the URL", async () => {
  const page = await openPage("/alerts", server());
  fireEvent.change(await screen.findByRole("searchbox"), { target: { value: "db-2" } });
  await waitFor(() => expect(page.url()).toBe("/alerts?q=db-2"));
  expect(await ruleNames()).toEqual(["TargetDown"]);
});

test("a firing rule is open: its alerts with labels, what they say, age and value, its expression with a link", async () => {
  await openPage("/alerts", server());
  const rule = within(await screen.findByRole("article", { name: "TargetDown" }));
  const rows = rule.getAllByRole("row").map((row) => row.textContent);
  expect(rows[1]).toBe(
    "firinginstance=db-1severity=criticaldb-1 is downhttps://runbooks.example.org/downjavascript:alert(1)30m ago0",
  );
  const link = rule.getByRole("link", { name: "Explore" });
  expect(link.getAttribute("href")).toContain("g0.expr=up+%3D%3D+0");
});

test("a failing rule says so, and opened it shows the error in full", async () => {
  await openPage("/alerts", server());
  const rule = within(await screen.findByRole("article", { name: "Broken" }));
  rule.getByText("evaluation fails");
  fireEvent.click(rule.getByRole("button"));
  expect(rule.getByRole("note").textContent).toContain("many-to-many matching not allowed");
});

test("annotations are text: no markup, and links to web addresses alone", async () => {
  await openPage("/alerts", server());
  const down = within(await screen.findByRole("article", { name: "TargetDown" }));
  const hrefs = down.getAllByRole("link").map((link) => link.getAttribute("href"));
  expect(hrefs).toContain("https://runbooks.example.org/down");
  expect(hrefs.some((href) => href?.startsWith("javascript:"))).toBe(false);
  expect(down.getAllByText("javascript:alert(1)")).toHaveLength(2);
  within(screen.getByRole("article", { name: "HighCpu" })).getByText("<b>hot</b>");
});

test("the number of firing alerts is in the bar and in the title of the window", async () => {
  await openPage("/alerts", server());
  await waitFor(() => expect(document.title).toBe("(2) Rules · Pharos"));
  screen.getByRole("link", { name: /Alerts\s*2 firing/ });
});
