import type { TourStep } from './context.js'
import { trust } from './steps/01-trust.js'
import { publicDocuments } from './steps/02-public-documents.js'
import { plainHttp } from './steps/03-plain-http.js'
import { apiToken } from './steps/04-api-token.js'
import { customers } from './steps/05-customers.js'
import { refusedWithReason } from './steps/06-refused-with-reason.js'
import { refresh } from './steps/07-refresh.js'
import { ciphertext } from './steps/08-ciphertext.js'
import { card } from './steps/09-card.js'
import { fourEyes } from './steps/10-four-eyes.js'
import { foreignTenant } from './steps/11-foreign-tenant.js'
import { badTokens } from './steps/12-bad-tokens.js'
import { network } from './steps/13-network.js'
import { idempotency } from './steps/14-idempotency.js'
import { refreshReuse } from './steps/15-refresh-reuse.js'
import { revoke } from './steps/16-revoke.js'
import { limit } from './steps/17-limit.js'
import { dump } from './steps/18-dump.js'
import { recovery } from './steps/19-recovery.js'
import { tokenFile } from './steps/20-token-file.js'
import { keyRotation } from './steps/21-key-rotation.js'

/** The tour in its order; a step's name is its file's. */
export const steps: Readonly<Record<string, TourStep>> = {
  '01-trust': trust,
  '02-public-documents': publicDocuments,
  '03-plain-http': plainHttp,
  '04-api-token': apiToken,
  '05-customers': customers,
  '06-refused-with-reason': refusedWithReason,
  '07-refresh': refresh,
  '08-ciphertext': ciphertext,
  '09-card': card,
  '10-four-eyes': fourEyes,
  '11-foreign-tenant': foreignTenant,
  '12-bad-tokens': badTokens,
  '13-network': network,
  '14-idempotency': idempotency,
  '15-refresh-reuse': refreshReuse,
  '16-revoke': revoke,
  '17-limit': limit,
  '18-dump': dump,
  '19-recovery': recovery,
  '20-token-file': tokenFile,
  '21-key-rotation': keyRotation,
}
