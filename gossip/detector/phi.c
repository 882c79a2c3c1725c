#include "gossip/detector/phi.h"

#include <math.h>
#include <string.h>

#define RTT_US_UNKNOWN 50000.0 /* a continent away; corrected by the first answer */
#define PATIENCE_SPREADS 2.5
#define LOSS_GAIN (1.0 / 32) /* remembers about the last 32 pings */

/* Of successive lost pings LOST_MAX are counted: an outage is many pings but one event. A loss of
 * 80 % is measured as 70 %, lower ones are little changed. */
enum { LOST_MAX = 4 };

static double phi_rtt_us(const struct phi *phi)
{
    return phi->srtt_us > 0 ? phi->srtt_us : RTT_US_UNKNOWN;
}

/* The decay of the answer times' tail. */
static double phi_spread_us(const struct phi *phi)
{
    double measured = phi->srtt_us > 0 ? 2 * phi->rttvar_us : RTT_US_UNKNOWN;
    return fmax(measured, phi->tuning->spread_min_us);
}

void phi_init(struct phi *phi, const struct gossip_tuning *tuning, double srtt_us, double loss)
{
    *phi =
        (struct phi){.tuning = tuning, .srtt_us = srtt_us, .rttvar_us = srtt_us / 2, .loss = loss};
}

static double phi_of_ping(const struct phi *phi, const struct phi_ping *ping, int64_t now_us)
{
    double late_us = (double)(now_us - ping->sent_us) - phi_rtt_us(phi);
    if (late_us <= 0)
        return 0;
    double survival = exp(-late_us / phi_spread_us(phi));
    double loss = TUNING_LACKS(phi->tuning, loss_term) ? 0 : fmin(phi->loss, PHI_LOSS_MAX);
    return fmin(-log10(loss + (1 - loss) * survival), PHI_MAX);
}

void phi_sent(struct phi *phi, uint32_t seq, int64_t now_us)
{
    if (phi->count == PHI_PINGS_MAX) {
        phi->folded += phi_of_ping(phi, &phi->pings[0], now_us);
        memmove(phi->pings, phi->pings + 1, (PHI_PINGS_MAX - 1) * sizeof *phi->pings);
        phi->count--;
    }
    phi->pings[phi->count++] = (struct phi_ping){seq, now_us};
    phi->unanswered++;
}

static void phi_measure_rtt(struct phi *phi, double sample_us)
{
    sample_us =
        fmax(sample_us, 1); /* a compensated ping can seem to be answered before it was sent */
    if (phi->srtt_us <= 0) {
        phi->srtt_us = sample_us;
        phi->rttvar_us = sample_us / 2;
        return;
    }
    phi->rttvar_us += (fabs(phi->srtt_us - sample_us) - phi->rttvar_us) / 4;
    phi->srtt_us += (sample_us - phi->srtt_us) / 8;
}

static void phi_measure_loss(struct phi *phi, double lost)
{
    phi->loss += (lost - phi->loss) * LOSS_GAIN;
    phi->loss = fmax(phi->loss, phi->tuning->loss_min);
}

bool phi_answered(struct phi *phi, uint32_t seq, int64_t now_us)
{
    unsigned at = 0;
    while (at < phi->count && phi->pings[at].seq != seq)
        at++;
    if (at == phi->count)
        return false;
    unsigned lost = phi->unanswered - (phi->count - at);
    for (lost = lost < LOST_MAX ? lost : LOST_MAX; lost > 0; lost--)
        phi_measure_loss(phi, 1);
    phi_measure_loss(phi, 0);
    phi_measure_rtt(phi, (double)(now_us - phi->pings[at].sent_us));
    phi->count -= at + 1;
    phi->unanswered = phi->count;
    phi->folded = 0;
    memmove(phi->pings, phi->pings + at + 1, phi->count * sizeof *phi->pings);
    return true;
}

void phi_clear(struct phi *phi)
{
    phi->count = phi->unanswered = 0;
    phi->folded = 0;
}

double phi_at(const struct phi *phi, int64_t now_us)
{
    double sum = phi->folded;
    for (unsigned i = 0; i < phi->count; i++)
        sum += phi_of_ping(phi, &phi->pings[i], now_us);
    return sum;
}

int64_t phi_patience_us(const struct phi *phi)
{
    return (int64_t)(phi_rtt_us(phi) + PATIENCE_SPREADS * phi_spread_us(phi));
}

void phi_compensate(struct phi *phi, int64_t stall_us)
{
    for (unsigned i = 0; i < phi->count; i++)
        phi->pings[i].sent_us += stall_us;
}
