export async function flipEveryByte(
  _step: number,
  _onProgress: (done: number, total: number) => void,
): Promise<{ bytes: number; files: number; lossless: number }> {
  throw new Error("to come");
}
