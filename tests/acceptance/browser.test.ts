// The page in a real browser, as a person meets it after `./pharos serve`: with no configuration at all.
import { equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { openBrowser, openPage, shot } from "../harness/browser.ts";
import { skipWithout } from "../harness/child.ts";
import { PharosProcess, temporaryFolder } from "../harness/pharos-process.ts";

const CPU_WITHIN_MS = 60_000;

/** The part of a canvas element that the check in the page uses. */
interface DrawnCanvas {
  getContext(kind: "2d"): {
    getImageData(
      x: number,
      y: number,
      width: number,
      height: number,
    ): { readonly data: Uint8ClampedArray<ArrayBuffer> };
  };
}

test("the page draws this machine's CPU within a minute, and shows alerts and targets", {
  skip: skipWithout("chromium"),
}, async (t) => {
  await using folder = await temporaryFolder();
  await using pharos = await PharosProcess.start({ folder: folder.path });
  await using browser = await openBrowser();
  const { page, problems, foreign } = await openPage(browser.instance, pharos.url);

  await t.test("the start page draws the CPU without a click", async () => {
    await page.goto(pharos.url);
    // The legend below the chart names the modes of the CPU once there is something to draw.
    await page.getByText("CPU by mode").waitFor({ timeout: CPU_WITHIN_MS });
    await page.getByText("softirq").first().waitFor({ timeout: CPU_WITHIN_MS });
    const canvas = page.locator("canvas").first();
    await canvas.waitFor();
    const colours = await canvas.evaluate((element) => {
      const { width, height } = element as unknown as { width: number; height: number };
      const context = (element as unknown as DrawnCanvas).getContext("2d");
      return new Set(new Uint32Array(context.getImageData(0, 0, width, height).data.buffer)).size;
    });
    ok(colours > 3, `the chart has ${colours} colours: something is drawn`);
    await shot(page, "explore");
  });

  await t.test("a query from the URL is shown as a table, and its plan", async () => {
    await page.goto(`${pharos.url}/graph?g0.expr=node_load1&g0.tab=1`);
    await page.getByText("node_load1").first().waitFor();
    ok(page.url().includes("node_load1"), "old links keep their query");
    await page.getByRole("tab", { name: "Explain" }).click();
    await page.getByText("range query from").waitFor();
    ok(page.url().includes("g0.tab=explain"), "the plan has an address");
  });

  await t.test("the alerts page lists the starter rules", async () => {
    await page.goto(`${pharos.url}/alerts`);
    await page.getByText("TargetDown").first().waitFor();
    await shot(page, "alerts");
  });

  await t.test("each view of alerting opens by its address and says what there is", async () => {
    for (const [path, text] of [
      ["/incidents", "Incidents"],
      ["/silences", "Nothing is silenced."],
      ["/silences/new", "Say which alerts: at least one label."],
      ["/alerts/new", "would not fire now"],
      ["/routing", "every alert"],
      ["/on-call", "Nobody is on call"],
    ] as const) {
      await page.goto(`${pharos.url}${path}`);
      await page.locator("main").getByText(text).first().waitFor();
    }
  });

  await t.test("the targets page lists what is scraped", async () => {
    await page.goto(`${pharos.url}/targets`);
    await page.getByText("/metrics").first().waitFor();
    await shot(page, "targets");
  });

  await t.test("the page is legible in dark too", async () => {
    await page.emulateMedia({ colorScheme: "dark" });
    await page.goto(pharos.url);
    await page.locator("canvas").first().waitFor();
    await shot(page, "explore-dark");
  });

  equal(foreign.join("\n"), "", "no request leaves this server");
  equal(problems.join("\n"), "", "nothing complains in the console");
});
