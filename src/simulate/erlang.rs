//! Closed forms of the queueing models that the simulation and staffing are judged by.
//!
//! Erlang C (M/M/c, nobody hangs up): A. K. Erlang, "Solution of some problems in the theory of
//! probabilities of significance in automatic telephone exchanges", 1917. Erlang A (M/M/c+M, patience
//! is exponential): C. Palm, 1957; O. Garnett, A. Mandelbaum, M. Reiman, "Designing a call center with
//! impatient customers", Manufacturing & Service Operations Management 4(3), 2002.
//! Pure arithmetic: nothing here knows contacts or agents as they are simulated.

/// Terms after which the sum over the states of Erlang A stops at the latest.
const STATES_MAX: u32 = 1_000_000;

/// A waiting system in its steady state.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SteadyState {
    /// Probability that a contact waits at all.
    pub waits: f64,
    /// Mean wait in seconds over all contacts, those who hang up included.
    pub wait_seconds: f64,
    /// Share of contacts that hang up.
    pub abandons: f64,
    /// Share of the agents' time spent on contacts.
    pub occupancy: f64,
}

/// Erlang B: probability that all of `agents` are busy where nobody waits, for a load in erlangs.
#[must_use]
pub fn blocking(load_erlangs: f64, agents: u32) -> f64 {
    (1..=agents).fold(1.0, |blocked, n| {
        let weighted = load_erlangs * blocked;
        weighted / (f64::from(n) + weighted)
    })
}

/// Erlang C for arrivals and services per second; none where the load is not below the agents.
#[must_use]
pub fn patient(lambda: f64, mu: f64, agents: u32) -> Option<SteadyState> {
    let spare = f64::from(agents) * mu - lambda;
    if !(lambda > 0.0 && mu > 0.0 && spare > 0.0) {
        return None;
    }
    let occupancy = lambda / (f64::from(agents) * mu);
    let blocked = blocking(lambda / mu, agents);
    let waits = blocked / (1.0 - occupancy * (1.0 - blocked));
    Some(SteadyState { waits, wait_seconds: waits / spare, abandons: 0.0, occupancy })
}

/// Erlang C: share of contacts answered within `threshold_seconds`; none where the load is too great.
#[must_use]
pub fn service_level(lambda: f64, mu: f64, agents: u32, threshold_seconds: f64) -> Option<f64> {
    let spare = f64::from(agents) * mu - lambda;
    patient(lambda, mu, agents).map(|state| 1.0 - state.waits * (-spare * threshold_seconds).exp())
}

/// Erlang A for arrivals, services and hang-ups (per waiting contact) per second; none where a rate
/// is not positive or there are no agents.
#[must_use]
pub fn impatient(lambda: f64, mu: f64, theta: f64, agents: u32) -> Option<SteadyState> {
    if !(lambda > 0.0 && mu > 0.0 && theta > 0.0 && agents > 0) {
        return None;
    }
    // Weights of the states are relative to that of "all agents busy, nobody waits": downwards they
    // sum to 1 / blocking, upwards each is the one before times lambda / (c mu + waiting theta).
    let below_and_at = 1.0 / blocking(lambda / mu, agents);
    let (mut weight, mut queued, mut waiting_mean) = (1.0, 0.0, 0.0);
    for waiting in 1..=STATES_MAX {
        let drain = f64::from(agents) * mu + f64::from(waiting) * theta;
        weight *= lambda / drain;
        queued += weight;
        waiting_mean += weight * f64::from(waiting);
        if lambda < drain && weight * f64::from(waiting) < 1e-14 * (1.0 + waiting_mean) {
            break;
        }
    }
    let total = below_and_at + queued;
    let waiting_mean = waiting_mean / total;
    let abandons = theta * waiting_mean / lambda;
    Some(SteadyState {
        waits: (1.0 + queued) / total,
        // Little's law.
        wait_seconds: waiting_mean / lambda,
        abandons,
        occupancy: lambda * (1.0 - abandons) / (f64::from(agents) * mu),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(left: f64, right: f64, tolerance: f64) {
        assert!((left - right).abs() <= tolerance, "{left} is not {right}");
    }

    #[test]
    fn erlang_b_of_textbook_cases() {
        close(blocking(1.0, 1), 0.5, 1e-12);
        close(blocking(2.0, 2), 0.4, 1e-12);
        // 10 erlangs on 10 lines, from the published tables.
        close(blocking(10.0, 10), 0.2146, 5e-5);
    }

    #[test]
    fn one_agent_is_the_m_m_1_queue() {
        let state = patient(0.5, 1.0, 1).unwrap();
        close(state.waits, 0.5, 1e-12);
        close(state.wait_seconds, 1.0, 1e-12);
        close(service_level(0.5, 1.0, 1, 2.0).unwrap(), 1.0 - 0.5 * (-1.0_f64).exp(), 1e-12);
        assert_eq!(patient(1.0, 1.0, 1), None);
    }

    #[test]
    fn two_agents_by_hand() {
        // M/M/2 with load 1: C = 1/3.
        close(patient(1.0, 1.0, 2).unwrap().waits, 1.0 / 3.0, 1e-12);
    }

    #[test]
    fn erlang_a_meets_erlang_c_as_patience_grows_and_poisson_where_it_equals_service() {
        let endless = impatient(0.05, 0.005, 1e-9, 12).unwrap();
        let c = patient(0.05, 0.005, 12).unwrap();
        close(endless.waits, c.waits, 1e-4);
        close(endless.wait_seconds, c.wait_seconds, 1e-2);
        // With theta = mu the number present is Poisson with mean lambda / mu, here 2 on 1 agent:
        // the mean queue is 2 − 1 + e^-2.
        let poisson = impatient(2.0, 1.0, 1.0, 1).unwrap();
        close(poisson.wait_seconds, f64::midpoint(1.0, (-2.0_f64).exp()), 1e-9);
        close(poisson.waits, 1.0 - (-2.0_f64).exp(), 1e-9);
    }
}
