import { fireEvent, screen, waitFor } from "@testing-library/react";
import { expect, test } from "vitest";
import { FakeServer, success } from "./fake-server.ts";
import { openPage } from "./open-page.tsx";
import { RULES } from "./samples.ts";

function press(...keys: string[]): void {
  for (const key of keys) fireEvent.keyDown(document.body, { key });
}

test("keys lead from page to page, and the time zone comes along", async () => {
  const page = await openPage("/alerts?tz=utc&q=x", new FakeServer());
  press("g", "t");
  await waitFor(() => expect(page.url()).toBe("/targets?tz=utc"));
  press("g", "e");
  await waitFor(() => expect(page.url()).toBe("/?tz=utc"));
});

test("the slash goes to the search, and keys typed there are no shortcuts", async () => {
  const page = await openPage("/alerts", new FakeServer().on("rules", success(RULES)));
  const search = await screen.findByRole("searchbox");
  press("/");
  expect(document.activeElement).toBe(search);
  fireEvent.keyDown(search, { key: "g" });
  fireEvent.keyDown(search, { key: "t" });
  expect(page.url()).toBe("/alerts");
});

test("the help lists the keys and can switch them off", async () => {
  const page = await openPage("/alerts", new FakeServer());
  await screen.findByRole("heading", { name: "Rules" });
  press("?");
  await screen.findByText("Go to Targets");
  fireEvent.click(screen.getByRole("switch", { name: "Single-key shortcuts" }));
  press("g", "t");
  expect(page.url()).toBe("/alerts");
});

test("a page that does not exist says so inside the frame", async () => {
  await openPage("/nowhere", new FakeServer());
  await screen.findByText("There is no such page");
  screen.getByRole("navigation", { name: "Pages" });
});

test("a server that stops answering is announced on every page", async () => {
  const server = new FakeServer().on("rules", () => {
    throw new TypeError("Failed to fetch");
  });
  await openPage("/status", server);
  await waitFor(
    () => expect(screen.getAllByRole("alert")[0]?.textContent).toContain("does not answer"),
    { timeout: 4000 },
  );
});
