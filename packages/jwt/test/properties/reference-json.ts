/** Strict JSON by recursive descent over characters: slow, plain, and written without JSON.parse. */
export function referenceJson(bytes: Uint8Array, maxDepth: number): unknown {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
  try {
    const reader = new Reader(text, maxDepth)
    const value = reader.document()
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined
  } catch (error) {
    if (error instanceof Refused) return undefined
    throw error
  }
}

class Refused extends Error {}

class Reader {
  readonly #text: string
  readonly #maxDepth: number
  #at = 0
  #depth = 0

  constructor(text: string, maxDepth: number) {
    this.#text = text
    this.#maxDepth = maxDepth
  }

  document(): unknown {
    const value = this.#value()
    this.#space()
    if (this.#at !== this.#text.length) throw new Refused()
    return value
  }

  #value(): unknown {
    this.#space()
    switch (this.#text[this.#at]) {
      case '{':
        return this.#object()
      case '[':
        return this.#array()
      case '"':
        return this.#string()
      case 't':
        return this.#word('true', true)
      case 'f':
        return this.#word('false', false)
      case 'n':
        return this.#word('null', null)
      default:
        return this.#number()
    }
  }

  #object(): unknown {
    this.#enter()
    const value: Record<string, unknown> = {}
    const names = new Set<string>()
    if (!this.#ends('}')) {
      do {
        this.#space()
        const name = this.#string()
        if (names.has(name) || name === '__proto__') throw new Refused()
        names.add(name)
        this.#space()
        this.#expect(':')
        value[name] = this.#value()
        this.#space()
      } while (this.#takes(','))
      this.#expect('}')
    }
    this.#depth--
    return value
  }

  #array(): unknown {
    this.#enter()
    const value: unknown[] = []
    if (!this.#ends(']')) {
      do {
        value.push(this.#value())
        this.#space()
      } while (this.#takes(','))
      this.#expect(']')
    }
    this.#depth--
    return value
  }

  #string(): string {
    this.#expect('"')
    let value = ''
    for (;;) {
      const character = this.#text[this.#at++]
      if (character === undefined || character < ' ') throw new Refused()
      if (character === '"') break
      value += character === '\\' ? this.#escape() : character
    }
    for (let i = 0; i < value.length; i++) {
      const unit = value.charCodeAt(i)
      if (unit < 0xd800 || unit > 0xdfff) continue
      const low = value.charCodeAt(i + 1)
      if (unit > 0xdbff || !(low >= 0xdc00 && low <= 0xdfff)) throw new Refused()
      i++
    }
    return value
  }

  #escape(): string {
    const simple: Readonly<Record<string, string>> = {
      '"': '"',
      '\\': '\\',
      '/': '/',
      b: '\b',
      f: '\f',
      n: '\n',
      r: '\r',
      t: '\t',
    }
    const character = this.#text[this.#at++] ?? ''
    if (character === 'u') {
      const hex = this.#text.slice(this.#at, this.#at + 4)
      if (!/^[0-9a-fA-F]{4}$/.test(hex)) throw new Refused()
      this.#at += 4
      return String.fromCharCode(Number.parseInt(hex, 16))
    }
    const plain = Object.hasOwn(simple, character) ? simple[character] : undefined
    if (plain === undefined) throw new Refused()
    return plain
  }

  #number(): number {
    const match = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/.exec(this.#text.slice(this.#at))
    if (match === null) throw new Refused()
    this.#at += match[0].length
    const value = Number(match[0])
    if (!Number.isFinite(value) || (Number.isInteger(value) && Math.abs(value) > 2 ** 53 - 1)) throw new Refused()
    return value
  }

  #word<T>(word: string, value: T): T {
    if (!this.#text.startsWith(word, this.#at)) throw new Refused()
    this.#at += word.length
    return value
  }

  #enter(): void {
    this.#at++
    if (++this.#depth > this.#maxDepth) throw new Refused()
  }

  #ends(end: string): boolean {
    this.#space()
    return this.#takes(end)
  }

  #takes(character: string): boolean {
    if (this.#text[this.#at] !== character) return false
    this.#at++
    return true
  }

  #expect(character: string): void {
    if (!this.#takes(character)) throw new Refused()
  }

  #space(): void {
    while (' \t\n\r'.includes(this.#text[this.#at] ?? 'x')) this.#at++
  }
}
