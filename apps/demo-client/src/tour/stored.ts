/** The beginning of a stored cell and its length: enough to see what it is. */
export function showStored(cell: string): string {
  return cell.length <= 40 ? cell : `${cell.slice(0, 36)}… (${cell.length} characters)`
}
