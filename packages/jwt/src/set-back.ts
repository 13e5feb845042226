/** Watches a clock for being set back: times that were taken from it have to go back with it. */
export class SetBackWatch {
  /** The time of the last look. */
  #seenAt = Number.NEGATIVE_INFINITY

  /** How far the clock was set back since the last look, in ms; 0 where it was not. */
  look(now: number): number {
    if (Number.isNaN(now)) return 0
    const back = this.#seenAt - now
    this.#seenAt = now
    return back > 0 && Number.isFinite(back) ? back : 0
  }
}
